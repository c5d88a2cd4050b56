import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { deploySuite } from './deploySuite';

deploySuite('fake Ollama that creates models with adapters', () => FakeOllama.start('0.34.0'));
deploySuite('fake Ollama that no longer does', () => FakeOllama.start('0.34.2'));

for (const program of findOllamas()) deploySuite(`real Ollama: ${program}`, () => RealOllama.start(program));
