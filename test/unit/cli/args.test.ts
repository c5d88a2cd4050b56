import assert from 'node:assert/strict';
import { oneOf, oneRoom, parseCommand } from '../../../src/cli/args';
import { usageText, VERBS, type VerbName } from '../../../src/cli/verbs';

const parse = (line: string) => parseCommand(line.split(' ').filter(Boolean));
const usageOf = (line: string): string => {
  try {
    parse(line);
  } catch (error) {
    assert.equal((error as { code: string }).code, 'USAGE');
    return (error as Error).message;
  }
  return assert.fail(`${line} is accepted`);
};

describe('command', () => {
  it('takes global options before and after the verb', () => {
    for (const line of ['--json --home /h list --mine', 'list --mine --home /h --json', '--home=/h list --json --mine'])
      assert.deepEqual({ ...parse(line).options }, { json: true, home: '/h', mine: true });
  });

  it('knows every verb of the contract', () => {
    const lines: [string, VerbName, number][] = [
      ['inspect PATH', 'inspect', 1],
      ['verdict PATH --base MODEL', 'verdict', 1],
      ['convert PATH -o OUT.gguf --base MODEL --type f16', 'convert', 1],
      ['share PATH --room a --room b --name me/x --base B --license mit --tag t --tag u --in-place --yes', 'share', 1],
      ['merge PATH ID:0.5 -o DIR --method ties --rank 8 --density 0.3 --seed 7 --base MODEL', 'merge', 2],
      ['merge PATH --into MODEL -o OUT.gguf --type q8_0', 'merge', 1],
      ['share PATH --copy --no-wait', 'share', 1],
      ['share ollama:MODEL --system TEXT --template @FILE --param stop=a --param stop=b', 'share', 1],
      ['unshare ID', 'unshare', 1],
      ['list --room r --mine --search TEXT --fits MODEL --watch', 'list', 0],
      ['list --ollama', 'list', 0],
      ['get ID --room r --install --base MODEL --as NAME --max-rate 20MB -o DIR', 'get', 1],
      ['install PATH --base MODEL --as NAME --route create', 'install', 1],
      [
        'install PATH --weight 0.5 --with ID:2 --with ID --update --use system,template --route merge --yes',
        'install',
        1,
      ],
      ['install PATH --plan', 'install', 1],
      ['uninstall NAME', 'uninstall', 1],
      ['compare BASE MODEL PROMPT --tokens 9', 'compare', 3],
      ['rooms', 'rooms', 0],
      ['room join general', 'room join', 1],
      ['room join - --name LABEL', 'room join', 1],
      ['room join', 'room join', 0],
      ['room create', 'room create', 0],
      ['room create LABEL', 'room create', 1],
      ['room leave ROOM', 'room leave', 1],
      ['room invite ROOM', 'room invite', 1],
      ['room members ROOM', 'room members', 1],
      ['room remove ROOM PEER', 'room remove', 2],
      ['room invite ROOM --once --hours 2', 'room invite', 1],
      ['room invite ROOM --cancel', 'room invite', 1],
      ['room join CODE --wait 20', 'room join', 1],
      ['room admin ROOM PEER --off', 'room admin', 2],
      ['room rename-member ROOM PEER NAME', 'room rename-member', 3],
      ['room rename-member ROOM PEER', 'room rename-member', 2],
      ['room verify ROOM PEER', 'room verify', 2],
      ['room limit Team --down 5MB --up 1MB', 'room limit', 1],
      ['identity show', 'identity show', 0],
      ['identity backup FILE --replace', 'identity backup', 1],
      ['identity restore FILE --replace', 'identity restore', 1],
      ['identity rotate --yes', 'identity rotate', 0],
      ['identity revocation FILE', 'identity revocation', 1],
      ['identity revoke FILE --yes', 'identity revoke', 1],
      ['transfers', 'transfers', 0],
      ['pause ana/x', 'pause', 1],
      ['resume ana/x', 'resume', 1],
      ['cancel 01234567', 'cancel', 1],
      ['move ana/x first', 'move', 2],
      ['peers', 'peers', 0],
      ['identity', 'identity', 0],
      ['doctor', 'doctor', 0],
      ['config get', 'config get', 0],
      ['config get KEY', 'config get', 1],
      ['config set KEY VALUE', 'config set', 2],
      ['serve', 'serve', 0],
      ['dht --port 1', 'dht', 0],
    ];

    for (const [line, verb, words] of lines) {
      const parsed = parse(line);
      assert.equal(parsed.verb, verb);
      assert.ok('words' in parsed && parsed.words.length === words, line);
    }
    const known = new Set(lines.map(([, verb]) => verb));
    assert.deepEqual(
      Object.keys(VERBS).filter((verb) => verb !== 'demo' && !known.has(verb as VerbName)),
      [],
    );
  });

  it('says what a verb takes when it is used wrongly', () => {
    assert.match(usageOf('inspect'), /missing.*lora-swarm inspect PATH/);
    assert.match(usageOf('inspect a b'), /"b" is too much.*lora-swarm inspect PATH/);
    assert.match(usageOf('inspect a --mine'), /inspect has no option --mine/);
    assert.match(usageOf('list --frobnicate'), /Unknown option '--frobnicate'\. Try: lora-swarm --help$/);
    assert.match(usageOf('list --search'), /--search/);
    assert.match(usageOf('room dance'), /room needs one of: room join/);
    assert.match(usageOf('config'), /config get, config set/);
    assert.match(usageOf('blend a b'), /There is no "blend"/);
    assert.match(usageOf('install a --weight -0.5'), /use '--weight=-XYZ'/);
    assert.match(usageOf('constructor'), /There is no "constructor"/);
    assert.match(usageOf(''), /lora-swarm \[--home DIR\]/);
  });

  it('has --ollama as a flag of list, and with a value in demo', () => {
    for (const line of ['list --ollama --json', '--json list --ollama', '--ollama list --json'])
      assert.deepEqual({ ...parse(line).options }, { json: true, ollama: '' });
    assert.equal(parse('demo --ollama auto --base tiny').options.ollama, 'auto');
    assert.match(usageOf('demo --ollama'), /--ollama/);
    assert.match(usageOf('get x --ollama'), /get has no option --ollama/);
  });

  it('gives help without asking for the rest', () => {
    assert.equal(parse('--help').verb, undefined);
    assert.equal(parse('get -h').verb, 'get');
    assert.match(usageText('get'), /^lora-swarm get ID\|NAME/);
  });

  it('names no secret in its help', () => {
    const text = [usageText(), ...(Object.keys(VERBS) as VerbName[]).map((verb) => usageText(verb))].join('\n');

    assert.doesNotMatch(text, /[0-9a-f]{32}|[0-9A-HJKMNP-TV-Z]{26}/);
  });
});

describe('option', () => {
  it('has to be one of the words it knows', () => {
    assert.equal(oneOf('type', 'f16', ['f16', 'f32']), 'f16');
    assert.equal(oneOf('type', undefined, ['f16']), undefined);
    assert.throws(() => oneOf('route', 'merge', ['auto', 'pull']), {
      code: 'USAGE',
      message: /auto, pull, not "merge"/,
    });
  });

  it('is one room where only one is possible', () => {
    assert.equal(oneRoom(parse('list --room a').options), 'a');
    assert.equal(oneRoom(parse('list').options), undefined);
    assert.throws(() => oneRoom(parse('list --room a --room b').options), { code: 'USAGE' });
  });
});
