/** From a saved manifest to a device that its guest can use, beside the bare calls that take the same steps. */
import type { Subject } from '../../bench/measure.ts';
import { type Line, measure } from '../../bench/measure.ts';
import { becomes } from '../dom0/deadline.ts';
import { driverOf, HOST_DRIVERS, NIC_ID, NICS } from '../dom0/devices.ts';
import { virsh, xl } from '../dom0/exec.ts';
import { Guest, virshDevice } from '../dom0/guest.ts';
import { startIdle } from '../dom0/idle-product.ts';
import { assignment } from '../dom0/manifest.ts';
import { measuring } from '../dom0/measuring.ts';
import { writeManifest } from '../dom0/product.ts';
import { type LogLine, loggedLine, logLines } from '../dom0/product-log.ts';
import { giveBack } from '../dom0/reset.ts';
import { note, type Test } from '../dom0/test.ts';

/** The same card in turn, so that the guest does the same work. */
const [nic] = NICS;
const NODE_DEVICE = `pci_${nic.replaceAll(/[:.]/g, '_')}`;
const BOUND = new RegExp(`^GUEST pci:\\[\\S+=${NIC_ID}:bound\\]`, 'm');
/** Each takes about a minute in the emulator. */
const ROUNDS = 5;
const DEADLINE = 2_400_000;
/** ms until the guest has the device, on a busy machine. */
const BOUND_LIMIT = 180_000;

async function fromHost(): Promise<Line[]> {
  const red = await Guest.start({ name: 'red' });
  const line = await measure({
    what: 'manifest saved → usable in the guest, device on its dom0 driver',
    run: () => savedToUsable(red, 'Host'),
    peer: {
      name: 'nodedev-detach, attach-device',
      run: bare(red, () => virsh('nodedev-detach', NODE_DEVICE), giveBack),
    },
    floor: {
      name: 'pci-assignable-add, attach-device',
      run: bare(red, () => xl('pci-assignable-add', nic), giveBack),
    },
    unit: 'ms',
    rounds: ROUNDS,
    warmUp: 1,
    goal: { floor: 1.05 },
    note: 'the same three steps: bound, attached to the running guest, put into its stored definition; the peer lets dom0 have a device again that does not work there',
  });
  return [line];
}

async function fromPciback(): Promise<Line[]> {
  const red = await Guest.start({ name: 'red' });
  await xl('pci-assignable-add', nic);
  const line = await measure({
    what: 'manifest saved → usable in the guest, device on pciback',
    run: () => savedToUsable(red, 'Assignable'),
    floor: { name: 'attach-device', run: bare(red, nothing, nothing) },
    unit: 'ms',
    rounds: ROUNDS,
    warmUp: 1,
    goal: { floor: 1.05 },
  });
  return [line];
}

/** Names the card in the manifest of a controller at rest, and then no longer; the policy says where it is afterwards. */
async function savedToUsable(red: Guest, deletionPolicy: 'Assignable' | 'Host'): Promise<number> {
  const product = await startIdle('red');
  const console = await red.console.sinceNow();
  const known = (await logLines()).length;
  const [since, saved] = [performance.now(), Date.now()];
  await writeManifest('red.yaml', assignment('red', { lan: nic }, { deletionPolicy }));
  await console.waitFor(BOUND, BOUND_LIMIT);
  const ms = performance.now() - since;
  note(`${deletionPolicy}: ${story((await logLines()).slice(known), saved)}, bound in the guest +${Math.round(ms)}`);
  const gone = (await logLines()).length;
  await writeManifest('red.yaml', assignment('red', {}));
  await red.hasNoBus();
  const last = deletionPolicy === 'Host' ? `release ${nic}` : `detach ${nic}`;
  await loggedLine('the last step', ({ event, step }) => event === 'StepPerformed' && step === last, { from: gone });
  await becomes('stored devices', () => red.hostdevs('stored'), [], 60_000);
  await product.stop();
  const driver = deletionPolicy === 'Host' ? HOST_DRIVERS.get(nic) : 'pciback';
  await becomes('driver of the card', () => driverOf(nic), driver, 60_000);
  return ms;
}

/** What the controller did, with the ms since the manifest was saved. */
function story(lines: readonly LogLine[], saved: number): string {
  const steps = lines.filter(({ event }) => event === 'StepStarted' || event === 'StepPerformed');
  return steps
    .map(({ event, step, time }) => `${step} ${event === 'StepStarted' ? 'begun' : 'done'} +${time - saved}`)
    .join(', ');
}

/** The same done with virsh by hand, while no controller runs. @param bind what goes before. @param after what follows. */
function bare(red: Guest, bind: () => Promise<unknown>, after: () => Promise<unknown>): Subject {
  return async () => {
    const console = await red.console.sinceNow();
    const since = performance.now();
    await bind();
    await virshDevice('attach', red.name, nic, '--live', '--config');
    await console.waitFor(BOUND, BOUND_LIMIT);
    const ms = performance.now() - since;
    await virshDevice('detach', red.name, nic, '--live', '--config');
    await red.hasNoBus();
    await after();
    return ms;
  };
}

async function nothing(): Promise<void> {
  // The device is where it should be.
}

/** What `npm run bench:xen` runs. */
export const tests: readonly Test[] = [
  measuring(
    { name: 'attach', title: 'manifest saved to device usable, from its dom0 driver', measure: fromHost },
    DEADLINE,
  ),
  measuring(
    { name: 'attach-bound', title: 'manifest saved to device usable, from pciback', measure: fromPciback },
    DEADLINE,
  ),
];
