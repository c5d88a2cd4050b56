import { performance } from 'node:perf_hooks';
import { isLanAddress } from './address';

/** Numbers and reasons: SECURITY limits of the field (Hyperswarm keeps 64 peers and does not bound inbound ones at all). */
const MAX_CONNECTIONS = 64;
const MAX_INBOUND = 48;
const MAX_PER_ADDRESS = 8;
/** Kept free for peers that proved a room before, and for the local network. */
const RESERVED = 8;
const MAX_STRUCK = 4_096;
/** For a lie about content, which no honest peer tells. */
const LIAR_MS = 24 * 60 * 60 * 1_000;
/** For breaking the protocol again and again, which may also be a bug. */
const VIOLATOR_MS = 10 * 60 * 1_000;
const MAX_VIOLATIONS = 3;
const MAX_KNOWN = 1_000;

/** Liars, over a restart; the store's `StruckStore` fits. */
export interface StrikeMemory {
  list(): readonly { readonly key: string; readonly forMs: number }[];
  put(key: string, forMs: number): void;
}

export interface Candidate {
  /** Public key, hex. */
  readonly key: string;
  readonly address: string | undefined;
  readonly isInbound: boolean;
}

/** Decides who may stay connected. Hyperswarm's own `firewall` bans for good and its limits bound dialling only. */
export class Admission {
  readonly #connected = new Set<Candidate>();
  /** Key to the time until which it is not let in, of a clock that nobody can set. */
  readonly #struck = new Map<string, number>();
  readonly #violations = new Map<string, number>();
  readonly #known = new Map<string, true>();

  /** @param now a clock that only goes forward, in milliseconds. */
  constructor(
    private readonly memory?: StrikeMemory,
    private readonly now: () => number = () => performance.now(),
  ) {
    for (const { key, forMs } of memory?.list() ?? []) remember(this.#struck, key, now() + forMs, MAX_STRUCK);
  }

  /** @returns why the connection may not stay, or undefined when it was taken in; then `leave` must follow. */
  enter(candidate: Candidate): string | undefined {
    const reason = this.#refusal(candidate);
    if (reason === undefined) this.#connected.add(candidate);
    return reason;
  }

  leave(candidate: Candidate): void {
    this.#connected.delete(candidate);
  }

  /**
   * A peer lied about content. It is not let in for a day, whichever room it comes for.
   *
   * @param onForget the disk could not keep it, so it counts until this process ends.
   */
  banLiar(key: string, onForget: (error: unknown) => void = () => undefined): void {
    remember(this.#struck, key, this.now() + LIAR_MS, MAX_STRUCK);
    try {
      this.memory?.put(key, LIAR_MS);
    } catch (error) {
      onForget(error);
    }
  }

  /** A peer broke the protocol. At the third time it is not let in for ten minutes. */
  countViolation(key: string): void {
    const count = (this.#violations.get(key) ?? 0) + 1;
    remember(this.#violations, key, count % MAX_VIOLATIONS, MAX_STRUCK);
    if (count >= MAX_VIOLATIONS) remember(this.#struck, key, this.now() + VIOLATOR_MS, MAX_STRUCK);
  }

  isStruck(key: string): boolean {
    const until = this.#struck.get(key);
    return until !== undefined && this.now() < until;
  }

  /** A peer proved a room, so a place is kept for it. */
  know(key: string): void {
    remember(this.#known, key, true, MAX_KNOWN);
  }

  #refusal({ key, address, isInbound }: Candidate): string | undefined {
    if (this.isStruck(key)) return 'it broke the protocol before';
    const isLan = isLanAddress(address);
    const isKnown = this.#known.has(key);
    const limit = isLan || isKnown ? MAX_CONNECTIONS : MAX_CONNECTIONS - RESERVED;
    if (this.#connected.size >= limit) return 'too many connections';
    const others = [...this.#connected];
    if (isInbound && !isKnown && others.filter((other) => other.isInbound).length >= MAX_INBOUND)
      return 'too many inbound connections';
    if (!isLan && others.filter((other) => other.address === address).length >= MAX_PER_ADDRESS)
      return 'too many connections from one address';
    return undefined;
  }
}

/** Puts the newest entry last and drops the oldest, so that a peer can't make the table grow. */
function remember<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value!);
}
