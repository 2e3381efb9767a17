/** A PCIAssignment with the name of its domain, as YAML; an entry for each address. */
export function manifestOf(domain: string, addresses: readonly string[]): string {
  const entries = addresses.map((address, n) => `    - {name: card-${n}, address: "${address}"}\n`).join('');
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: ${domain}}
spec:
  domain: ${domain}
  devices:${entries === '' ? ' []\n' : `\n${entries}`}`;
}

/** A `<hostdev>` element for a device, as libvirt needs it on Xen. @throws {RangeError} when it is no address. */
export function hostdevOf(text: string): string {
  const [, domain, bus, slot, fn] = /^(\w+):(\w+):(\w+)\.(\w)$/.exec(text) ?? [];
  if (fn === undefined) throw new RangeError(`no address: ${text}`);
  const source = `<address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`;
  return `<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/><source>${source}</source></hostdev>`;
}
