import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { compareSuite } from './compareSuite';

compareSuite('a fake Ollama', () => FakeOllama.start());
for (const program of findOllamas()) compareSuite(`a real Ollama: ${program}`, () => RealOllama.start(program));
