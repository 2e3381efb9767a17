/**
 * A guest that rewrites its frontend's nodes as fast as xenstored takes it, in a process of its own. pciback writes its
 * own state each time, as it does for a real guest: these writings are what watches of dom0 see.
 */
import { XenstoreClient } from '../../src/xenstore-client/index.ts';
import { answering } from './child.ts';

const [socketPath = '', domid = ''] = process.argv.slice(2);
const client = await XenstoreClient.connect({ socketPath });
const frontend = `/local/domain/${domid}/device/pci/0/state`;
const backend = `/local/domain/0/backend/pci/${domid}/0/state`;
let writes = 0;
let isOn = true;

async function storm(): Promise<void> {
  while (isOn) {
    await Promise.all([client.write(frontend, '7'), client.write(backend, '7')]);
    await Promise.all([client.write(frontend, '4'), client.write(backend, '4')]);
    writes += 4;
  }
  await client.close();
}

const ended = storm();

answering({
  stop: async () => {
    isOn = false;
    await ended;
    return { writes };
  },
});
