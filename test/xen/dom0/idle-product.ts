/** A controller at rest: it has nothing to do and waits for an edit. */
import { assignment } from './manifest.ts';
import { Product, writeManifest } from './product.ts';
import { loggedLine, logLines } from './product-log.ts';

/** Starts a controller whose manifests give `guest` no device, and waits until it says that this is so. */
export async function startIdle(guest: string): Promise<Product> {
  const known = (await logLines()).length;
  await writeManifest(`${guest}.yaml`, assignment(guest, {}));
  const product = await Product.start();
  await loggedLine(`that ${guest} is ready`, ({ event }) => event === 'Ready', { from: known });
  return product;
}
