/** The far side of the loaded host, in a process of its own: a simulated dom0 at its real sockets and files. */
import { startSimulatedDom0 } from '../../src/simulator/index.ts';
import { answering } from './child.ts';
import { guestsOf, worldOf } from './world.ts';

const [root = '', domains = ''] = process.argv.slice(2);
const dom0 = await startSimulatedDom0({ root, world: worldOf(guestsOf(Number(domains))) });

/** Which guest has each device, what is wrong with that, and under which number each domain runs. */
function truth(): object {
  const all = [...dom0.model.dom0.domains.values()];
  const holders = [...dom0.model.dom0.devices.values()].flatMap(({ spec, holder }) =>
    holder === undefined ? [] : [[spec.address, all.find(({ instance }) => instance?.domid === holder)?.name]],
  );
  const domids = all.flatMap(({ name, instance }) => (instance === undefined ? [] : [[name, instance.domid]]));
  return {
    holders: Object.fromEntries(holders),
    domids: Object.fromEntries(domids),
    violations: dom0.model.dom0.violations,
  };
}

answering({
  truth: () => truth(),
  stop: () => dom0.stop(),
});
