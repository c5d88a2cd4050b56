// A process that installs and may be killed while it does. Its only argument is JSON.
import type { InstallRequest } from '../../src/engine/deployWishes';
import { openInstaller } from './installer';

interface Order {
  readonly home: string;
  readonly url: string;
  readonly request: InstallRequest;
}

async function main(): Promise<void> {
  const { home, url, request } = JSON.parse(process.argv[2] ?? '') as Order;
  const installer = await openInstaller(home, url);
  const { model } = await installer.install(request);
  await installer.close();
  process.stdout.write(model);
}

main().catch((error: unknown) => {
  process.stderr.write(String(error));
  process.exitCode = 1;
});
