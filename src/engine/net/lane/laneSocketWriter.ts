import type { TLSSocket } from 'node:tls';

/**
 * Writes to one connection of a lane, one thing at a time: what waits together would be put together by the stream, which
 * copies a mebibyte once more.
 */
export class LaneSocketWriter {
  #isFree = true;

  constructor(
    private readonly socket: TLSSocket,
    private readonly onFree: () => void,
  ) {}

  get isFree(): boolean {
    return this.#isFree;
  }

  write(bytes: Uint8Array): void {
    this.#isFree = false;
    this.socket.write(bytes, () => this.#written());
  }

  /** @param onTaken the chunks were enciphered and given to the system. */
  writeFrame(head: Uint8Array, chunks: Uint8Array, onTaken: (() => void) | undefined): void {
    this.#isFree = false;
    this.socket.write(head);
    this.socket.write(chunks, () => {
      onTaken?.();
      this.#written();
    });
  }

  end(): void {
    this.socket.destroy();
  }

  #written(): void {
    this.#isFree = true;
    this.onFree();
  }
}
