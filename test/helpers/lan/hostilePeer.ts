// A peer of the local network that leads everybody who comes near to addresses of the internet, in each way that the
// protocols below ours have. Runs as a process of its own: node --import tsx hostilePeer.ts OWN-ADDRESS
// One JSON line for each thing that it did, the first time; each leads to another address, `LURES` says which.
import { createSocket } from 'node:dgram';
import { createRequire } from 'node:module';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import c, { type Encoder } from 'compact-encoding';
import { hash, keyPair, randomBytes, type KeyPair } from 'hypercore-crypto';
import HyperDHT, { type DhtNode, type DhtServer } from 'hyperdht';
import { readBeacon, writeOpenBeacon } from '../../../src/engine/net/lan/lanPackets';
import { LURES } from './lures';

const GROUP = '239.76.83.87';
const BEACON_PORT = 47_687;
const FIREWALL = { unknown: 0, open: 1 };
const COMMAND = { handshake: 0, holepunch: 1 };
const MODE = { fromClient: 0, fromServer: 1, fromRelay: 2, reply: 4 };

const require = createRequire(import.meta.filename);
const { handshake, holepunch } = require('hyperdht/lib/messages') as Readonly<Record<string, Encoder<object>>>;
const NoiseWrap = require('hyperdht/lib/noise-wrap') as new (keys: KeyPair, remote: Uint8Array | null) => Noise;
const at = (host: string): DhtNode => ({ host, port: 40_000 });

const [own = ''] = process.argv.slice(2);
// The lower key dials, and everybody shall dial this one.
let keys = keyPair();
while (keys.publicKey[0]! < 0xf0) keys = keyPair();
const node = new HyperDHT({ keyPair: keys, bootstrap: [], host: own, firewalled: false }) as Node;
const said = new Set<string>();
const done = (what: string): void => {
  if (!said.has(what)) console.log(JSON.stringify({ done: what }));
  said.add(what);
};

/** How a handshake is answered, in turns. */
const ANSWERS = ['reach me there', 'punch a hole there', 'not at all'] as const;
let turn = 0;
void start();

async function start(): Promise<void> {
  const server = node.createServer({ createHandshake: luringHandshake }, (stream) => {
    stream.on('error', () => undefined);
  });
  await server.listen(keys);
  const state = node._router.get(hash(keys.publicKey))!;
  node._router.set(hash(keys.publicKey), {
    ...state,
    async onpeerhandshake(message, request) {
      const answer = ANSWERS[turn % ANSWERS.length]!; // `luringHandshake` takes the same in a moment.
      const reply = await state.onpeerhandshake(message, request);
      if (!reply) return null;
      done(answer);
      if (answer === 'not at all') return null;
      // As if a relay had passed it on from there.
      const value = { mode: MODE.reply, noise: reply.noise, peerAddress: at(LURES.serverAddress) };
      request.reply(c.encode(handshake!, value), { closerNodes: false, token: false });
      return null;
    },
  });
  // Whoever asks for a key is told to ask there.
  node.table.closest = () => [at(LURES.closerNode)];

  const voice = createSocket({ type: 'udp4', reuseAddr: true });
  voice.bind(BEACON_PORT, () => {
    voice.addMembership(GROUP, own);
    voice.setMulticastInterface(own);
    setInterval(() => {
      voice.send(writeOpenBeacon(keys.publicKey, node.address()!.port), BEACON_PORT, GROUP);
    }, 300);
  });
  voice.on('message', (bytes, { address }) => {
    const beacon = readBeacon(bytes);
    if (beacon?.kind === 'open' && !beacon.key.equals(keys.publicKey))
      lure(beacon.key, { host: address, port: beacon.port });
  });
}

/** Says other things about itself, each time another way. */
function luringHandshake(mine: KeyPair, remote: Uint8Array | null): Noise {
  const noise = new NoiseWrap(mine, remote);
  const send = noise.send.bind(noise);
  const isOpen = ANSWERS[turn++ % ANSWERS.length] === 'reach me there';
  const relays = [{ relayAddress: at(LURES.holepunchRelay), peerAddress: at(LURES.serverAddress) }];
  noise.send = (payload) =>
    send({
      ...payload,
      firewall: isOpen ? FIREWALL.open : FIREWALL.unknown,
      holepunch: isOpen ? null : { id: 0, relays },
      addresses4: [at(LURES.ownAddress)],
      relayThrough: isOpen ? null : { publicKey: randomBytes(32), token: randomBytes(32) },
    });
  return noise;
}

/** Asks somebody to pass things on, and to connect elsewhere. */
function lure(key: Buffer, to: DhtNode): void {
  const ask = (command: number, target: Buffer, value: Uint8Array): void => {
    node.request({ command, target, value }, to, { retry: false }).catch(() => undefined);
  };
  const somebody = randomBytes(32);
  const noise = randomBytes(100);
  const relay = { mode: MODE.fromClient, noise, peerAddress: null, relayAddress: at(LURES.relayedHandshake) };
  ask(COMMAND.handshake, somebody, c.encode(handshake!, relay));
  const back = { mode: MODE.fromServer, noise, peerAddress: at(LURES.relayedAnswer), relayAddress: null };
  ask(COMMAND.handshake, somebody, c.encode(handshake!, back));
  const punch = { mode: MODE.fromClient, id: 0, payload: noise, peerAddress: at(LURES.relayedHolepunch) };
  ask(COMMAND.holepunch, somebody, c.encode(holepunch!, punch));

  const hello = new NoiseWrap(keys, key).send({
    error: 0,
    firewall: FIREWALL.open,
    holepunch: null,
    addresses4: [at(LURES.clientAddress)],
    addresses6: [],
    udx: { reusableSocket: false, id: 1, seq: 0 },
    secretStream: {},
    relayThrough: null,
  });
  const passedOn = { mode: MODE.fromRelay, noise: hello, peerAddress: at(LURES.clientAddress), relayAddress: null };
  ask(COMMAND.handshake, hash(key), c.encode(handshake!, passedOn));
  done('pass this on');
}

interface Noise {
  send(payload: object): Uint8Array;
}

interface RouterState {
  onpeerhandshake(
    message: unknown,
    request: { reply(value: Uint8Array, options: object): void },
  ): Promise<{ readonly noise: Uint8Array } | null>;
}

/** Of the node, what only a hostile one uses. */
interface Node extends HyperDHT {
  readonly _router: { get(target: Buffer): RouterState | undefined; set(target: Buffer, state: RouterState): void };
  readonly table: { closest(target: Buffer): DhtNode[] };
  createServer(
    options: object | ((stream: never) => void),
    onConnection?: (stream: NoiseSecretStream) => void,
  ): DhtServer;
  request(question: object, to: DhtNode, options: object): Promise<unknown>;
}
