// A DHT of its own at an address, for processes of one network namespace and what is linked to it: node dhtHost.ts HOST
import createTestnet from 'hyperdht/testnet';

/** As many as all tests have: with fewer, some first connections fail. */
const NODES = 10;

void createTestnet(NODES, { host: process.argv[2] ?? '127.0.0.1' }).then(({ bootstrap }) => {
  console.log(JSON.stringify(bootstrap.map(({ host, port }) => `${host}:${port}`)));
});
process.stdin.on('close', () => process.exit());
process.stdin.resume();
