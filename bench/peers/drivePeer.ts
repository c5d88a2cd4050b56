import Corestore from 'corestore';
import HyperDHT from 'hyperdht';
import { keyPair } from 'hypercore-crypto';
import Hyperdrive from 'hyperdrive';
import Localdrive from 'localdrive';
import { answer } from './calls';
import type { PipeAddress } from './pipes';
import { usageCalls } from './usage';

// Hyperdrive over a HyperDHT connection: one drive is mirrored into a folder.

const HOST = '127.0.0.1';

const calls = {
  /** Copies what is in a folder into a new drive. @returns its key, hex. */
  async make({ store, folder }: { store: string; folder: string }): Promise<string> {
    const opened = new Corestore(store);
    const drive = new Hyperdrive(opened);
    await drive.ready();
    await new Localdrive(folder).mirror(drive).done();
    const key = drive.key.toString('hex');
    await drive.close();
    await opened.close();
    return key;
  },

  /** @returns where it can be reached. */
  async give({ store, drive, bootstrap }: DriveParams): Promise<PipeAddress> {
    const opened = new Corestore(store);
    await new Hyperdrive(opened, Buffer.from(drive, 'hex')).ready();
    const node = openNode(bootstrap);
    const keys = keyPair();
    const server = node.createServer((stream) => {
      stream.on('error', () => undefined);
      opened.replicate(stream);
    });
    await server.listen(keys);
    return { key: keys.publicKey.toString('hex'), port: node.address()!.port };
  },

  /** Connects, and learns what is in the drive. */
  async prepare({ store, drive, bootstrap, address }: DriveParams & { address: PipeAddress }): Promise<void> {
    const opened = new Corestore(store);
    taking = new Hyperdrive(opened, Buffer.from(drive, 'hex'));
    await taking.ready();
    const node = openNode(bootstrap);
    await node.fullyBootstrapped();
    const relayAddresses = [{ host: HOST, port: address.port }];
    const stream = node.connect(Buffer.from(address.key!, 'hex'), { relayAddresses });
    stream.on('error', () => undefined);
    await stream.opened;
    opened.replicate(stream);
    await taking.update({ wait: true });
  },

  /** @returns milliseconds until the folder has all that the drive has. */
  async take({ folder }: { folder: string }): Promise<{ readonly ms: number }> {
    const start = performance.now();
    await taking!.mirror(new Localdrive(folder)).done();
    return { ms: performance.now() - start };
  },

  ...usageCalls(),
};

let taking: Hyperdrive | undefined;

export interface DriveParams {
  /** Folder of the corestore. */
  readonly store: string;
  readonly drive: string;
  readonly bootstrap: readonly string[];
}

export type DriveCalls = typeof calls;

answer(calls);

function openNode(bootstrap: readonly string[]): HyperDHT {
  return new HyperDHT({ bootstrap, host: HOST, firewalled: false, keyPair: keyPair() });
}
