/** The manifests that scenarios write, as people write them. */

/** The rest of an assignment's spec, such as `{ deletionPolicy: 'Host' }`; `domain` unless it has the assignment's name. */
export type Policies = Readonly<Record<string, string>>;

/**
 * A PCIAssignment as YAML.
 * @param name of the assignment, and of its domain.
 * @param devices addresses by the names of their entries.
 */
export function assignment(name: string, devices: Readonly<Record<string, string>>, policies: Policies = {}): string {
  const entries = Object.entries(devices).map(
    ([entry, address]) => `    - name: ${entry}\n      address: ${address}\n`,
  );
  const spec = Object.entries({ domain: name, ...policies }).map(([field, value]) => `  ${field}: ${value}\n`);
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: ${name}}
spec:
${spec.join('')}  devices:${entries.length === 0 ? ' []' : ''}
${entries.join('')}`;
}

/** The PCIHostPolicy as YAML. @param spec its fields, each as YAML on one line. */
export function policy(spec: Readonly<Record<string, string>>): string {
  const fields = Object.entries(spec).map(([field, value]) => `  ${field}: ${value}\n`);
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIHostPolicy\nmetadata: {name: host}\nspec:\n${fields.join('')}`;
}
