import c, { type State } from 'compact-encoding';
import type NoiseSecretStream from '@hyperswarm/secret-stream';
import { ROOM_PROTOCOL } from '../../../src/engine/net/peer';
import { roomProof } from '../../../src/engine/net/roomKeys';
import type { OpenRoom } from './engineSide';

/** Writes frames of protomux by hand, so that nothing keeps it from writing wrong ones. */
export class HostileSide {
  /** Numbers of the channels that it has opened. */
  readonly #channels: number[] = [];
  /** Ids under which the other side asked for rooms. */
  readonly #asked: Uint8Array[] = [];
  #nextChannel = 1;

  constructor(
    private readonly stream: NoiseSecretStream,
    private readonly rooms: readonly OpenRoom[],
  ) {
    stream.on('data', (frame: Uint8Array) => this.#look(frame));
  }

  send(frame: Uint8Array): void {
    if (!this.stream.destroyed) this.stream.write(frame);
  }

  /** Shows the proof of a room. @param how other numbers: that of another role, of another direction, or a wrong one. */
  ask(room: number, how: number): void {
    const { keys } = this.rooms[room % this.rooms.length]!;
    const { handshakeHash, publicKey, remotePublicKey } = this.stream;
    const proof =
      how % 8 === 1
        ? roomProof(keys, 'ask', handshakeHash, remotePublicKey, publicKey)
        : roomProof(keys, how % 8 === 2 ? 'answer' : 'ask', handshakeHash, publicKey, remotePublicKey);
    this.open(ROOM_PROTOCOL, how % 8 === 3 ? Buffer.alloc(32, how) : proof, Uint8Array.of(0));
  }

  /** Answers a room that the other side asked for. */
  answer(room: number, how: number): void {
    const id = this.#asked[how % Math.max(1, this.#asked.length)];
    if (!id) return;
    const { keys } = this.rooms[room % this.rooms.length]!;
    const { handshakeHash, publicKey, remotePublicKey } = this.stream;
    const proof = roomProof(keys, 'answer', handshakeHash, publicKey, remotePublicKey);
    this.open(ROOM_PROTOCOL, id, Buffer.from(c.encode(c.buffer, how % 8 === 7 ? Buffer.alloc(32) : proof)));
  }

  open(protocol: string, id: Uint8Array | undefined, rest: Uint8Array): void {
    const channel = this.#nextChannel++;
    this.#channels.push(channel);
    const head = fields([c.uint, channel], [c.string, protocol], [c.buffer, id ?? new Uint8Array()]);
    this.send(Buffer.concat([Uint8Array.of(0, 1), head, rest]));
  }

  message(channel: number, type: number, content: Uint8Array): void {
    this.send(Buffer.concat([fields([c.uint, this.#channel(channel)], [c.uint, type]), content]));
  }

  /** Messages to one channel in one frame. */
  batch(channel: number, messages: readonly (readonly [type: number, content: Uint8Array])[]): void {
    const parts = messages.map(([type, content]) =>
      Buffer.from(c.encode(c.buffer, Buffer.concat([fields([c.uint, type]), content]))),
    );
    this.send(Buffer.concat([Uint8Array.of(0, 0), fields([c.uint, this.#channel(channel)]), ...parts]));
  }

  close(channel: number): void {
    this.send(Buffer.concat([Uint8Array.of(0, 3), fields([c.uint, this.#channel(channel)])]));
  }

  reject(channel: number): void {
    this.send(Buffer.concat([Uint8Array.of(0, 2), fields([c.uint, channel])]));
  }

  #channel(index: number): number {
    return this.#channels[index % Math.max(1, this.#channels.length)] ?? index;
  }

  /** Notes what the other side asks for. */
  #look(frame: Uint8Array): void {
    if (frame[0] !== 0 || frame[1] !== 1) return;
    const state: State = { buffer: frame, start: 2, end: frame.byteLength };
    c.uint.decode(state);
    const protocol = c.string.decode(state);
    const id = c.buffer.decode(state) as Uint8Array | null;
    if (protocol === ROOM_PROTOCOL && id) this.#asked.push(Uint8Array.from(id));
  }
}

type Field = readonly [
  encoding: { encode(state: State, value: never): void; preencode(state: State, value: never): void },
  value: unknown,
];

function fields(...list: readonly Field[]): Buffer {
  const state: State = { start: 0, end: 0, buffer: null };
  for (const [encoding, value] of list) encoding.preencode(state, value as never);
  state.buffer = Buffer.alloc(state.end);
  for (const [encoding, value] of list) encoding.encode(state, value as never);
  return state.buffer as Buffer;
}
