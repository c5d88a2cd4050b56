import { performance } from 'node:perf_hooks';
import {
  LAN_JOINS_FACTOR,
  LIAR_BAN_MS,
  MAX_ALL_WRONG_PROOFS_PER_MINUTE,
  MAX_CONNECTIONS,
  MAX_INBOUND_CONNECTIONS,
  MAX_JOINS_PER_MINUTE,
  MAX_KNOWN_PEERS,
  MAX_LAN_WRONG_PROOFS_PER_MINUTE,
  MAX_PER_ADDRESS,
  MAX_PER_LAN_ADDRESS,
  MAX_STRUCK_KEYS,
  MAX_VIOLATIONS,
  MAX_WRONG_PROOFS_PER_MINUTE,
  RESERVED_CONNECTIONS,
  RESERVED_FOR_KNOWN,
  VIOLATOR_BAN_MS,
} from '../limits';
import { isLanAddress } from './address';
import { PerMinute } from './perMinute';

const ALL = 'all';

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
  /** Keys that proved a private room, which takes its code. */
  readonly #members = new Map<string, string>();
  /** Keys that proved a room which everybody can prove, to the address they came from. */
  readonly #guests = new Map<string, string>();
  readonly #joins: PerMinute;
  readonly #wrongProofs: PerMinute;

  /** @param now a clock that only goes forward, in milliseconds. */
  constructor(
    private readonly memory?: StrikeMemory,
    private readonly now: () => number = () => performance.now(),
  ) {
    for (const { key, forMs } of memory?.list() ?? []) remember(this.#struck, key, now() + forMs, MAX_STRUCK_KEYS);
    this.#joins = new PerMinute(now);
    this.#wrongProofs = new PerMinute(now);
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
    remember(this.#struck, key, this.now() + LIAR_BAN_MS, MAX_STRUCK_KEYS);
    try {
      this.memory?.put(key, LIAR_BAN_MS);
    } catch (error) {
      onForget(error);
    }
  }

  /** A peer broke the protocol. At the third time it is not let in for ten minutes. */
  countViolation(key: string): void {
    const count = (this.#violations.get(key) ?? 0) + 1;
    remember(this.#violations, key, count % MAX_VIOLATIONS, MAX_STRUCK_KEYS);
    if (count >= MAX_VIOLATIONS) remember(this.#struck, key, this.now() + VIOLATOR_BAN_MS, MAX_STRUCK_KEYS);
  }

  isStruck(key: string): boolean {
    const until = this.#struck.get(key);
    return until !== undefined && this.now() < until;
  }

  /**
   * A peer proved a room, so a place is kept for it.
   *
   * Everybody can prove an open room, under any number of keys. So those count for few places of one address, and never push
   * out who proved a private one.
   */
  know({ key, address = '' }: Pick<Candidate, 'key' | 'address'>, isPrivate: boolean): void {
    if (isPrivate) remember(this.#members, key, address, MAX_KNOWN_PEERS);
    else if (this.#guests.has(key) || this.#guestsAt(address) < maxPerAddress(address))
      remember(this.#guests, key, address, MAX_KNOWN_PEERS);
  }

  /** A stranger asks for a room that it can prove. @returns false when too many did lately, so that it is not answered. */
  mayJoin({ key, address, isInbound }: Candidate, roomId: string): boolean {
    if (!isInbound || this.#isKnown(key)) return true;
    return this.#joins.count(`room ${roomId} ${isLanAddress(address)}`) <= maxJoins(address);
  }

  /** A peer asked for a room that we are not in. @returns false when it has guessed enough. */
  mayGuess({ key, address = '' }: Candidate): boolean {
    if (this.#isKnown(key)) return true; // Members ask for a room that moved on, or that was left.
    this.#wrongProofs.count(address);
    this.#wrongProofs.count(ALL);
    return !this.#guessedEnough(address);
  }

  #refusal({ key, address, isInbound }: Candidate): string | undefined {
    if (this.isStruck(key)) return 'it broke the protocol before';
    const isLan = isLanAddress(address);
    const isKnown = this.#isKnown(key);
    if (isInbound && !isKnown && this.#joins.count(`address ${address}`) > maxJoins(address))
      return 'too many connections in a minute from one address';
    if (isInbound && !isKnown && this.#guessedEnough(address)) return 'too many wrong proofs';
    const reserved = isKnown ? 0 : isLan ? RESERVED_FOR_KNOWN : RESERVED_CONNECTIONS;
    if (this.#connected.size >= MAX_CONNECTIONS - reserved) return 'too many connections';
    const others = [...this.#connected];
    const inboundLimit = isLan
      ? MAX_INBOUND_CONNECTIONS + RESERVED_CONNECTIONS - RESERVED_FOR_KNOWN
      : MAX_INBOUND_CONNECTIONS;
    if (isInbound && !isKnown && others.filter((other) => other.isInbound).length >= inboundLimit)
      return 'too many inbound connections';
    // Colleagues share one address towards the internet, and only who got the code becomes one.
    if (!this.#members.has(key) && others.filter((other) => other.address === address).length >= maxPerAddress(address))
      return 'too many connections from one address';
    return undefined;
  }

  #isKnown(key: string): boolean {
    return this.#members.has(key) || this.#guests.has(key);
  }

  #guestsAt(address: string): number {
    let count = 0;
    for (const other of this.#guests.values()) if (other === address) count++;
    return count;
  }

  #guessedEnough(address = ''): boolean {
    const limit = isLanAddress(address) ? MAX_LAN_WRONG_PROOFS_PER_MINUTE : MAX_WRONG_PROOFS_PER_MINUTE;
    return this.#wrongProofs.of(address) >= limit || this.#wrongProofs.of(ALL) >= MAX_ALL_WRONG_PROOFS_PER_MINUTE;
  }
}

function maxPerAddress(address: string | undefined): number {
  return isLanAddress(address) ? MAX_PER_LAN_ADDRESS : MAX_PER_ADDRESS;
}

function maxJoins(address: string | undefined): number {
  return isLanAddress(address) ? MAX_JOINS_PER_MINUTE * LAN_JOINS_FACTOR : MAX_JOINS_PER_MINUTE;
}

/** Puts the newest entry last and drops the oldest, so that a peer can't make the table grow. */
function remember<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value!);
}
