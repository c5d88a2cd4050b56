import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { MUTANTS } from '../../faults/mutants';
import { ROOT } from '../../run/machine';

// They are tried by hand, as each takes a while. Meanwhile the source may move away from under them.
describe('guards that faults are to miss', () => {
  for (const { name, edits } of MUTANTS)
    it(`can be taken out: ${name}`, () => {
      for (const { file, from } of edits) {
        const source = fs.readFileSync(path.join(ROOT, 'src/engine', file), 'utf8');

        assert.ok(source.includes(from), `${file} has no ${JSON.stringify(from)}`);
      }
    });
});
