// A process that takes a lock, says so, and keeps it until it is killed.
import { takeMachineLock } from '../../src/engine/ollama/install/machineLock';

void takeMachineLock(process.argv[2] ?? '').then((release) => {
  process.stdout.write('held\n');
  setInterval(() => undefined, 60_000);
  process.once('exit', release);
});
