import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as limits from '../../../src/engine/limits';
import { ROOT } from '../../run/machine';

const page = fs.readFileSync(path.join(ROOT, 'docs', 'security.md'), 'utf8');
const rows = (from: string): string[] =>
  page
    .slice(page.indexOf(from))
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| '));

const LIMITS: ReadonlyMap<string, unknown> = new Map(Object.entries(limits));

/** `4 * 1024 ** 3`: factors, each of which may have an exponent. */
function product(text: string): number {
  const factors = text.replaceAll('_', '').split(' * ');
  return factors.reduce((all, factor) => {
    const [base, exponent = '1'] = factor.split(' ** ');
    return all * Number(base) ** Number(exponent);
  }, 1);
}

describe('the page about security', () => {
  it('has each threat once', () => {
    const names = rows('## Threats').flatMap((row) => {
      const match = /^\| T(\d\d)(?:–T(\d\d))? /.exec(row);
      if (!match) return [];
      const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });

    assert.deepEqual(
      names,
      Array.from({ length: 56 }, (_, i) => i + 1),
    );
  });

  it('has each fault once', () => {
    const names = rows('## Faults').flatMap((row) => /^\| (R\d\d) /.exec(row)?.slice(1) ?? []);

    assert.deepEqual(
      names,
      Array.from({ length: 27 }, (_, i) => `R${String(i + 1).padStart(2, '0')}`),
    );
  });

  it('names tests that are there, by words of their titles', () => {
    const wrong = [...rows('## Threats'), ...rows('## Faults')].flatMap((row) => {
      let text = '';
      return [...row.matchAll(/`(test\/[^`]+\.ts)`|\*([^*]+)\*/g)].flatMap(([, file, title]) => {
        if (file !== undefined) {
          const isThere = fs.existsSync(path.join(ROOT, file));
          text = isThere ? fs.readFileSync(path.join(ROOT, file), 'utf8') : '';
          return isThere ? [] : [file];
        }
        return text.includes(title!) ? [] : [title!];
      });
    });

    assert.deepEqual(wrong, []);
  });

  it('says of every limit what the code says', () => {
    const named = rows('## Limits').flatMap((row) =>
      [...row.split(' | ')[2]!.matchAll(/`([A-Z][A-Z0-9_]+)(?: = ([\d_*. ]+))?`/g)].map(([, name, value]) => ({
        name: name!,
        value,
      })),
    );

    for (const { name, value } of named)
      if (value !== undefined) assert.equal(LIMITS.get(name), product(value), `${name} is not ${value}`);
    // Texts and tables have no number that could stand here.
    const isNumber = (name: string) => typeof LIMITS.get(name) === 'number';
    assert.deepEqual(
      named.filter(({ name, value }) => isNumber(name) !== (value !== undefined)).map(({ name }) => name),
      [],
    );
    assert.deepEqual(named.map(({ name }) => name).sort(), [...LIMITS.keys()].sort());
  });
});
