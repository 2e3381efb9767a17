/** A manifest of one assignment, as people write it. */
export function assignmentYaml(name: string, ...addresses: readonly string[]): string {
  const entries = addresses.map((address, index) => `    - name: d${index}\n      address: ${address}\n`);
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata:
  name: ${name}
spec:
  domain: ${name}
  devices:${entries.length === 0 ? ' []\n' : `\n${entries.join('')}`}`;
}

/** A manifest of a host policy. */
export function policyYaml(name: string, address: string): string {
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIHostPolicy
metadata: {name: ${name}}
spec:
  protectedDevices: [{address: ${address}}]
`;
}
