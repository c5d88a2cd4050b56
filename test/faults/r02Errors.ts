import assert from 'node:assert/strict';
import { inLanes, type Fault } from './fault';
import { checkHome, checkLibrary } from './laws';
import { callPoints } from './r01Killed';
import { describe } from './recovery';
import { injectingError, noStrace } from './strace';

/** More than cores: after some errors an engine waits for a while before it tries again by itself. */
const LANES = 6;
/** Something else may go wrong after the first; twice as often as that no user asks. */
const RETRIES = 2;
/** A write that failed may have left part of a chunk, and the disk counts in blocks. */
const TORN_BYTES = 128 * 1024;
const ERRORS = {
  EIO: 'STORE_FAILED',
  ENOSPC: 'STORE_FULL',
  EACCES: 'STORE_READ_ONLY',
  EROFS: 'STORE_READ_ONLY',
  EMFILE: 'STORE_FAILED',
} as const;

/** One system call fails. The engine says so in words of ours or gets over it, and goes on when it is asked again. */
export const errors: Fault = {
  id: 'R02',
  title: 'an error in every call',
  strike: async (bout) => {
    const missing = noStrace();
    if (missing !== undefined) {
      bout.leaveOut(`errors of system calls: ${missing}`);
      return;
    }
    const ground = await bout.ground;
    const adapter = await ground.shared('small');
    const calls = await callPoints(ground);
    const all = calls.flatMap((point) =>
      (Object.keys(ERRORS) as (keyof typeof ERRORS)[]).map((error) => ({ point, error })),
    );
    let said = 0;
    await inLanes(bout.pick(all, 12), LANES, ({ point, error }, lane) =>
      bout.point(`${error} in ${point.call} ${point.when} of ${point.path}`, async () => {
        const { home, kept } = await ground.newHome(lane);
        const victim = ground.start(
          { home, get: adapter.id, retries: RETRIES },
          { wrap: injectingError(home, point, error) },
        );
        const { code } = await victim.exited;
        const told = victim.words.flatMap((word) => (word.kind === 'error' ? [word] : []));
        for (const word of told) {
          assert.ok(word.isOurs, `no error of ours: ${JSON.stringify(word)}`);
          // The database has words of its own for what it can't do.
          if (point.path.startsWith('engine.db')) assert.match(word.code, /^STORE_/, JSON.stringify(word));
          else assert.equal(word.code, ERRORS[error], JSON.stringify(word));
        }
        if (told.length > 0) said++;
        const got = victim.said('got');
        assert.ok(code === 0 && got, describe(victim));
        const held = told.findLast(({ step }) => step === 'get')?.diskBytes ?? 0;
        assert.ok(got.resumedBytes >= held - TORN_BYTES, `L2: ${held} bytes were there, ${got.resumedBytes} were kept`);
        checkLibrary(home);

        // A database that could not be closed in peace is looked after by the next start.
        const next = ground.start({ home, get: adapter.id });
        assert.equal((await next.exited).code, 0, describe(next));
        await checkHome(home, kept, adapter.manifest);
        ground.removeHome(home);
        return { refetched: got.refetchedBytes };
      }),
    );
    bout.note(`${said} were told, the others got over`);
  },
};
