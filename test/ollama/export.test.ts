import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { exportSuite } from './exportSuite';

exportSuite('a fake Ollama', () => FakeOllama.start());
for (const program of findOllamas()) exportSuite(`a real Ollama: ${program}`, () => RealOllama.start(program));
