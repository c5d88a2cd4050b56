import { createHash } from 'node:crypto';
import type { KeyPair } from 'hypercore-crypto';
import { hasCode } from '../../errors';
import { epochSecret, nonceCommitment, roomTag, type RoomOrigin } from './epochSecret';
import { foldRoom, mentioned, type RoomView } from './fold';
import { isAboutKey, worthKeeping } from './heirs';
import { openSeal } from './sealed';
import { hashOfStatement, isKnownKind, openStatement, statementOfKey, type Statement } from './statement';

/** A team of 100 that removes somebody every week writes some 150 a year; each is 200 bytes. */
export const MAX_STATEMENTS = 4_096;
/** Epochs are long, and only the present one is needed: it names everybody. The rest are what it may fall back to. */
const MAX_EPOCHS = 8;
/** Statements of keys: two each for all members, and some that moved more often. */
const MAX_KEY_STATEMENTS = 1_024;

/** The secret of an epoch, and what it is made of. */
export interface EpochKey {
  readonly secret: Buffer;
  /** Absent for the first epoch. */
  readonly nonce: Buffer | undefined;
}

/** All that admins signed about one room, and what it amounts to. */
export class RoomLog {
  readonly tag: Buffer;
  readonly #statements = new Map<string, Statement>();
  #view: RoomView | undefined;
  #digest: Buffer | undefined;

  constructor(readonly origin: RoomOrigin) {
    this.tag = roomTag(origin);
  }

  get creator(): string {
    return this.origin.creator.toString('hex');
  }

  get view(): RoomView {
    return (this.#view ??= foldRoom(this.tag.toString('hex'), this.creator, [...this.#statements.values()]));
  }

  /** In an order in which each comes after what gave its author a say. */
  get statements(): readonly Statement[] {
    const { inForce, heirs } = this.view;
    const all = [...this.#statements.values()];
    const ofKeys = all.filter(isAboutKey);
    // Who moved on speaks with the next key.
    const before = new Map<string, Statement[]>();
    for (const each of ofKeys)
      for (const key of heirs.successors(each.author)) before.set(key, [...(before.get(key) ?? []), each]);
    const told = new Set<Statement>();
    for (const word of inForce) {
      for (const each of before.get(word.author) ?? []) told.add(each);
      before.delete(word.author);
      told.add(word);
    }
    for (const each of [...all.filter((one) => !isAboutKey(one)), ...ofKeys]) told.add(each);
    return [...told];
  }

  /** What the room was before anybody moved on to this key. */
  viewBefore(key: string): RoomView {
    const others = [...this.#statements.values()].filter(({ act }) => act.kind !== 'move' || act.next !== key);
    return foldRoom(this.tag.toString('hex'), this.creator, others);
  }

  /** 32 bytes: equal for two who have the same statements. */
  get digest(): Buffer {
    return (this.#digest ??= createHash('sha256')
      .update([...this.#statements.keys()].sort().join())
      .digest());
  }

  /** One more than the highest clock. */
  get nextClock(): number {
    return Math.min(
      Number.MAX_SAFE_INTEGER,
      1 + Math.max(0, ...[...this.#statements.values()].map((each) => each.clock)),
    );
  }

  /**
   * Takes in what a peer or the disk says.
   *
   * @returns what was new and is kept. Statements of authors that never were admins are not.
   * @throws {LoraSwarmError} `MESSAGE_INVALID` for one that no honest peer passes on.
   */
  add(list: readonly Uint8Array[]): Statement[] {
    // What is here was checked before; a signature costs more than a hash.
    const fresh = list
      .filter((bytes) => isKnownKind(bytes) && !this.#statements.has(hashOfStatement(this.tag, bytes)))
      .map((bytes) => openStatement(this.tag, bytes));
    if (fresh.length === 0) return [];
    for (const statement of fresh) this.#statements.set(statement.hash, statement);
    this.#changed();
    this.#trim();
    return fresh.filter(({ hash }) => this.#statements.has(hash));
  }

  /** Takes in what authors stated of their keys to all the world. @returns what is about this room and was new. */
  addOfKeys(list: readonly Uint8Array[]): Statement[] {
    const fresh: Statement[] = [];
    // A move may make the next one one of this room.
    for (let found = -1; found !== fresh.length;) {
      found = fresh.length;
      const named = this.#named;
      const about = list.filter((bytes) => named.has(Buffer.from(bytes.subarray(1, 33)).toString('hex')));
      fresh.push(...this.add(about.map((bytes) => statementOfKey(this.tag, bytes).bytes)));
    }
    return fresh;
  }

  /** The same for what is on the disk, where a damaged one must not lose the others. */
  restore(list: readonly Uint8Array[]): void {
    for (const bytes of list) {
      try {
        this.add([bytes]);
      } catch (error) {
        if (!hasCode(error, 'MESSAGE_INVALID')) throw error;
      }
    }
  }

  /** The secret of the present epoch, as far as it was given to this device. */
  keyFor(keys: KeyPair): EpochKey | undefined {
    const { epoch, inForce } = this.view;
    if (!epoch.statement) return { secret: epochSecret(this.origin, undefined), nonce: undefined };
    const act = epoch.statement.act;
    if (act.kind !== 'epoch') return undefined;
    const me = keys.publicKey.toString('hex');
    const sealed = [
      ...act.recipients.filter(({ key }) => key === me).map((recipient) => recipient.sealed),
      ...inForce.flatMap((each) =>
        each.act.kind === 'admit' && each.act.member === me && each.act.epoch === epoch.id ? [each.act.sealed] : [],
      ),
    ];
    for (const box of sealed) {
      const nonce = openSeal(box, keys);
      if (nonce && nonceCommitment(this.tag, nonce).equals(act.commitment))
        return { secret: epochSecret(this.origin, nonce), nonce };
    }
    return undefined;
  }

  /** Whether the present epoch's secret was sealed for this device. */
  isGiven(key: string): boolean {
    const { epoch, inForce } = this.view;
    if (key === this.creator && !epoch.statement) return true;
    const act = epoch.statement?.act;
    if (act?.kind === 'epoch' && act.recipients.some((each) => each.key === key)) return true;
    return inForce.some((each) => each.act.kind === 'admit' && each.act.member === key && each.act.epoch === epoch.id);
  }

  /** Every key that is spoken of here, and those that they led to. */
  get #named(): ReadonlySet<string> {
    const { authors, heirs } = this.view;
    const keys = mentioned(this.creator, [...this.#statements.values()], authors);
    return new Set([...keys].flatMap((key) => [...heirs.successors(key)]));
  }

  #changed(): void {
    this.#view = undefined;
    this.#digest = undefined;
  }

  /** What has no effect goes first, then what had its time. */
  #trim(): void {
    const drop = (statement: Statement): void => {
      this.#statements.delete(statement.hash);
      this.#changed();
    };
    // Who has a say may follow from a claim that goes.
    for (let before = -1; before !== this.#statements.size;) {
      before = this.#statements.size;
      const all = [...this.#statements.values()];
      const ofKeys = all.filter(isAboutKey);
      const named = mentioned(this.creator, all, this.view.authors);
      const kept = ofKeys.length > 0 ? worthKeeping(ofKeys, named, MAX_KEY_STATEMENTS) : undefined;
      for (const statement of ofKeys) if (!kept?.has(statement.hash)) drop(statement);
      const { authors } = this.view;
      for (const statement of all) if (!authors.has(statement.author) && !isAboutKey(statement)) drop(statement);
    }
    const { epoch } = this.view;
    const epochs = [...this.#statements.values()]
      .flatMap((statement) => (statement.act.kind === 'epoch' ? [{ statement, number: statement.act.number }] : []))
      .filter(({ statement }) => statement.hash !== epoch.id)
      .sort((a, b) => b.number - a.number || (a.statement.hash < b.statement.hash ? 1 : -1));
    for (const { statement } of epochs.slice(MAX_EPOCHS)) drop(statement);
    if (this.#statements.size <= MAX_STATEMENTS) return;
    const counted = new Set(this.view.inForce.map(({ hash }) => hash));
    const words = [...this.#statements.values()].filter((each) => !isAboutKey(each));
    const late = words.sort((a, b) => Number(counted.has(b.hash)) - Number(counted.has(a.hash)) || a.clock - b.clock);
    for (const statement of late.slice(MAX_STATEMENTS)) drop(statement);
  }
}
