import type { GeneratedToken } from '../answers';

/** How far two answers to the same prompt are apart. */
export interface AnswerMove {
  /** Largest move of a log-probability, over all places up to the one where the words part. Absent when none is known. */
  readonly logprob?: number;
  /** Where the words part, counted from 1. Absent when they are the same. */
  readonly partsAt?: number;
}

/**
 * Compares token by token. After the first other word the answers go on from different texts, and say nothing any more.
 *
 * Where the words part, the probability of the one answer's word is looked for among the likely ones of the other. If it is not even
 * there, it has fallen at least to the last of them.
 */
export function answerMove(one: readonly GeneratedToken[], other: readonly GeneratedToken[]): AnswerMove {
  const moves: number[] = [];
  for (const [at, token] of one.entries()) {
    const twin = other[at];
    if (twin?.text === token.text) {
      if (token.logprob !== undefined && twin.logprob !== undefined) moves.push(Math.abs(token.logprob - twin.logprob));
      continue;
    }
    if (twin) moves.push(...[fall(token, twin), fall(twin, token)].filter((move) => move !== undefined));
    return moved(moves, at + 1);
  }
  return other.length > one.length ? moved(moves, one.length + 1) : moved(moves);
}

/** The largest move of several, and the earliest parting. */
export function largestMove(moves: readonly AnswerMove[]): AnswerMove {
  const parting = moves.map(({ partsAt }) => partsAt).filter((at) => at !== undefined);
  return moved(
    moves.map(({ logprob }) => logprob).filter((move) => move !== undefined),
    parting.length > 0 ? Math.min(...parting) : undefined,
  );
}

/** How much less likely the first token is where the second one was chosen. */
function fall(token: GeneratedToken, chosen: GeneratedToken): number | undefined {
  if (token.logprob === undefined || chosen.top.size === 0) return undefined;
  const there = chosen.top.get(token.text);
  if (there !== undefined) return Math.abs(token.logprob - there);
  return Math.max(0, token.logprob - Math.min(...chosen.top.values()));
}

function moved(moves: readonly number[], partsAt?: number): AnswerMove {
  return {
    ...(moves.length > 0 ? { logprob: Math.max(...moves) } : {}),
    ...(partsAt === undefined ? {} : { partsAt }),
  };
}
