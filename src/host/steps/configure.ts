import type { DomainRef } from '../../node-libvirt/index.ts';
import type { ConfigureStep } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { callLibvirt, findDomain } from '../libvirt/call.ts';
import { hostdevOf, hostdevXml, isSetForPassthrough, readDefinition, withPassthrough } from '../libvirt/definition.ts';

/**
 * Changes what a domain's next start will use. Entries go through libvirt one by one, which is atomic there; only the
 * passthrough feature needs a new definition. What is as wanted already is left alone.
 * @throws {HostError}
 */
export async function configure(dom0: Dom0, step: ConfigureStep, signal: AbortSignal): Promise<void> {
  const domain = await findDomain(dom0, step.domain, signal);
  const stored = (): Promise<string> =>
    callLibvirt(dom0, signal, client => client.domainXml(domain, { inactive: true, signal }));
  for (const address of step.remove) {
    const element = hostdevOf(await stored(), address);
    if (element === undefined) continue;
    await callLibvirt(dom0, signal, client => client.detachDevice(domain, element, { config: true, signal }));
  }
  const present = step.add.length === 0 ? [] : readDefinition(await stored()).hostdevs.map(({ address }) => address);
  for (const { device, permissive } of step.add) {
    if (present.includes(device)) continue;
    const element = hostdevXml(device, permissive);
    await callLibvirt(dom0, signal, client => client.attachDevice(domain, element, { config: true, signal }));
  }
  if (step.passthrough) await enablePassthrough(dom0, domain, signal);
}

// Read with its passwords: storing it anew without them would open the guest's console to everybody.
async function enablePassthrough(dom0: Dom0, domain: DomainRef, signal: AbortSignal): Promise<void> {
  const stored = await callLibvirt(dom0, signal, client =>
    client.domainXml(domain, { inactive: true, secure: true, signal }),
  );
  if (isSetForPassthrough(readDefinition(stored))) return;
  await callLibvirt(dom0, signal, client => client.defineDomain(withPassthrough(stored), { signal }));
}
