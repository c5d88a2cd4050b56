// npm run docs:ollama: measures every Ollama of this machine and puts the result into docs/ollama.md.
import { RealOllama } from '../helpers/realOllama';
import { findOllamas } from '../run/machine';
import { measureMatrix, type Measured } from './matrix';
import { sectionOf, writeSections } from './matrixPage';

void run();

async function run(): Promise<void> {
  const measured: Measured[] = [];
  for (const program of findOllamas()) {
    const server = await RealOllama.start(program);
    try {
      measured.push(await measureMatrix(server));
    } finally {
      await server.close();
    }
    console.log(`${sectionOf(measured.at(-1)!)}\n`);
  }
  writeSections(measured);
}
