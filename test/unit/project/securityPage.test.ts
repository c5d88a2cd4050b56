import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../run/machine';

const page = fs.readFileSync(path.join(ROOT, 'docs', 'security.md'), 'utf8');
const rows = (from: string): string[] =>
  page
    .slice(page.indexOf(from))
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| '));

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

  it('names tests that are there, by words of their titles', () => {
    const wrong = rows('## Threats').flatMap((row) => {
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
    let count = 0;
    const wrong = rows('## Limits').flatMap((row) =>
      [...row.matchAll(/((?:`[^`]+`(?:, )?)+) in `(src\/[^`]+\.ts)`/g)].flatMap(([, names, file]) => {
        const code = fs.readFileSync(path.join(ROOT, file!), 'utf8');
        return [...names!.matchAll(/`([^`]+)`/g)].flatMap(([, constant]) => {
          count++;
          return new RegExp(`\\b${constant!.replaceAll('*', '\\*')}[;,]`).test(code) ? [] : [`${constant} in ${file}`];
        });
      }),
    );

    assert.deepEqual(wrong, []);
    assert.ok(count > 30, `${count} limits`);
  });
});
