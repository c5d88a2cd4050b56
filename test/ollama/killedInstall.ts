// A process that installs and may be killed while it does. Its only argument is JSON.
import type { InstallRequest } from '../../src/engine/deployWishes';
import { openInstaller } from './installer';

interface Order {
  readonly home: string;
  readonly url: string;
  readonly request: InstallRequest;
  /** Model whose place the adapter takes. */
  readonly updates?: string;
}

async function main(): Promise<void> {
  const { home, url, request, updates } = JSON.parse(process.argv[2] ?? '') as Order;
  const installer = await openInstaller(home, url);
  const { model } = await (updates === undefined
    ? installer.install(request)
    : installer.update(updates, request.target, request.base ?? ''));
  await installer.close();
  process.stdout.write(model);
}

main().catch((error: unknown) => {
  process.stderr.write(String(error));
  process.exitCode = 1;
});
