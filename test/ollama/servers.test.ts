import { FakeOllama } from '../helpers/fakeOllama';
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { ollamaSuite } from './suite';

ollamaSuite('fake Ollama that creates models with adapters', () => FakeOllama.start('0.34.0'));
ollamaSuite('fake Ollama that no longer does', () => FakeOllama.start('0.34.2'));

const programs = findOllamas();
if (programs.length === 0) console.log('left out: a real Ollama. Name one in OLLAMA_BIN, or put ollama on the PATH.');
for (const program of programs) ollamaSuite(`real Ollama: ${program}`, () => RealOllama.start(program));
