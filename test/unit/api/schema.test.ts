import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../../src/api/address.ts';
import { parsePath } from '../../../src/api/path.ts';
import { checkManifest } from '../../../src/api/schema.ts';
import { jsonSchemas } from '../../../src/api/schema-json.ts';
import { writtenForm } from '../../../src/api/written-form.ts';

const API = 'xenpci.dev/v1alpha1';

function assignment(spec: object = {}, metadata: object = { name: 'sys-net' }): object {
  const devices = [{ name: 'lan', address: '0000:03:00.0' }];
  return { apiVersion: API, kind: 'PCIAssignment', metadata, spec: { domain: 'sys-net', devices, ...spec } };
}

function policy(spec: object): object {
  return { apiVersion: API, kind: 'PCIHostPolicy', metadata: { name: 'host' }, spec };
}

/** `Code path: message` of everything that is wrong. */
function complaints(value: unknown): string[] {
  const checked = checkManifest(value);
  return checked.ok ? [] : checked.issues.map(({ code, path, message }) => `${code} ${path.join('.')}: ${message}`);
}

describe('an assignment', () => {
  it('gets its defaults', () => {
    expect(checkManifest(assignment())).toEqual({
      ok: true,
      object: {
        apiVersion: API,
        kind: 'PCIAssignment',
        metadata: { name: 'sys-net' },
        spec: {
          domain: { name: 'sys-net' },
          devices: [
            {
              name: 'lan',
              address: '0000:03:00.0',
              permissive: false,
              reset: 'Strict',
              whenMissing: 'Fail',
              sharing: 'Exclusive',
            },
          ],
          updatePolicy: 'Live',
          whenStopped: 'Assignable',
          deletionPolicy: 'Assignable',
          driftPolicy: 'Correct',
          suspend: false,
        },
      },
    });
  });

  it('comes out in canonical form', () => {
    const uuid = 'C0FFEE00-1111-2222-3333-444455556666';
    const devices = [
      { name: 'a', address: '03:00.0', identity: { vendor: '8086', device: '15B8' } },
      { name: 'b', path: '0000_00_1C.0/00_00.0' },
    ];
    expect(checkManifest(assignment({ domain: { uuid }, devices }))).toMatchObject({
      object: {
        spec: {
          domain: { uuid: uuid.toLowerCase() },
          devices: [{ address: '0000:03:00.0', identity: { device: '15b8' } }, { path: '00_1c.0/00_00.0' }],
        },
      },
    });
  });

  it('reports everything that is wrong at once', () => {
    const devices = [
      { name: 'a', identity: {} },
      {
        name: 'a',
        adress: '03:00.0',
        address: '3:0',
        path: 'q',
        reset: 'strict',
        permissive: 'yes',
        whenMissing: null,
      },
      { name: 'c', selector: { class: '0x0200', vendor: 8086 }, identity: { device: '10d3' } },
      'd',
    ];
    expect(complaints(assignment({ domain: 'a/b', devices, updatePolicy: 'Never' }, {}))).toMatchInlineSnapshot(`
      [
        "MissingField metadata.name: is missing",
        "InvalidValue spec.domain: "a/b" is not a domain's name; it has 1 to 255 visible characters and no "/"",
        "InvalidValue spec.devices.0.identity: names nothing; give at least one of vendor, device, subsystemVendor, subsystemDevice, class",
        "MissingField spec.devices.0: does not say which device; give one of address, path, selector",
        "InvalidValue spec.devices.1.address: "3:0" is not a PCI address; write segment:bus:device.function in hex, such as 0000:03:00.0",
        "InvalidValue spec.devices.1.path: "q" is not a PCI path; write root port, then device, such as 00_1c.0/00_00.0",
        "InvalidValue spec.devices.1.permissive: must be true or false, not the string "yes"",
        "InvalidValue spec.devices.1.reset: must be one of Strict, BestEffort, not "strict"; did you mean Strict?",
        "InvalidValue spec.devices.1.whenMissing: must be one of Fail, Ignore, and is empty",
        "UnknownField spec.devices.1.adress: "adress" is not a field; did you mean address?",
        "InvalidValue spec.devices.1.path: stands beside address; give exactly one of address, path, selector",
        "InvalidValue spec.devices.2.selector.vendor: must be a string: unquoted 8086 is a number in YAML; write "8086"",
        "InvalidValue spec.devices.2.selector.class: "0x0200" is not a number of four hex digits; write it in quotes, without 0x: "0200"",
        "InvalidValue spec.devices.2.identity: goes with address or path; a selector says itself what the devices are",
        "InvalidValue spec.devices.3: must be a mapping, not the string "d"",
        "DuplicateName spec.devices.1.name: "a" is the name of devices[0] already; give each entry a name of its own",
        "InvalidValue spec.updatePolicy: must be one of Live, OnNextStart, not "Never"",
      ]
    `);
  });

  it('may be for some hosts', () => {
    const hosts = ['Dom0-A', '*.example.org', '0123456789abcdef0123456789abcdef'];
    for (const object of [assignment({ hosts }), policy({ hosts })]) {
      expect(checkManifest(object)).toMatchObject({
        ok: true,
        object: { spec: { hosts: ['dom0-a', ...hosts.slice(1)] } },
      });
    }
    expect([...complaints(assignment({ hosts: [] })), ...complaints(policy({ hosts: 'dom0-a' }))]).toEqual([
      'InvalidValue spec.hosts: names no host; remove it if the object is for every host',
      'InvalidValue spec.hosts: must be a list, not the string "dom0-a"',
    ]);
    expect(complaints(assignment({ hosts: ['!dom0-a', 'a b', null] }))).toEqual([
      expect.stringContaining('InvalidValue spec.hosts.0: "!dom0-a" is neither a host name'),
      expect.stringContaining('InvalidValue spec.hosts.1: "a b" is neither a host name'),
      'InvalidValue spec.hosts.2: must be a string, and is empty',
    ]);
  });

  it.each(['Domain-0', { uuid: '00000000-0000-0000-0000-000000000000' }])('is refused for dom0: %j', domain => {
    expect(complaints(assignment({ domain }))).toEqual([expect.stringContaining('is dom0 itself')]);
  });

  it.each(['', ' x', 'x\n', 'a/b', 'a\u202eb', 'x'.repeat(256), 7, true, null, [], { uid: 'x' }, { uuid: 'x' }])(
    'is refused for the domain %j',
    domain => {
      expect(complaints(assignment({ domain }))).not.toEqual([]);
    },
  );

  it.each(['', 'A', 'a_b', '-a', 'a-', 'a..b', '.a', 'a'.repeat(254), '-'.repeat(100_000), 5])(
    'is refused under the name %.30j',
    name => {
      expect(complaints(assignment({}, { name }))).toEqual([expect.stringContaining('metadata.name')]);
    },
  );

  it('has at most 256 devices', () => {
    const devices = (count: number) =>
      Array.from({ length: count }, (_, bus) => ({
        name: `d${bus}`,
        address: formatAddress({ segment: bus >> 8, bus: bus & 255, device: 0, function: 0 }),
      }));
    expect(complaints(assignment({ devices: devices(256) }))).toEqual([]);
    expect(complaints(assignment({ devices: devices(257) }))).toEqual([
      'InvalidValue spec.devices: has more than 256 entries',
    ]);
  });

  it('says that nobody writes a PCIDevice', () => {
    expect(complaints({ ...assignment(), kind: 'PCIDevice' })).toMatchInlineSnapshot(`
      [
        "UnknownKind kind: PCIDevice is what xenpci shows of a device, and nobody writes it; name the device in a PCIAssignment",
      ]
    `);
  });
});

describe('a host policy', () => {
  it('keeps what this version acts on', () => {
    const protectedDevices = [{ address: '00:1f.2' }, { path: '00_1C.0' }];
    expect(checkManifest(policy({ protectedDevices, allow: ['BootDisplay'] }))).toMatchObject({
      ok: true,
      object: {
        spec: { protectedDevices: [{ address: '0000:00:1f.2' }, { path: '00_1c.0' }], allow: ['BootDisplay'] },
      },
    });
    expect(checkManifest(policy({}))).toMatchObject({ object: { spec: { protectedDevices: [], allow: [] } } });
  });

  it('says how guests let go of devices, and how many at once', () => {
    const command = ['/usr/local/bin/let-go', '{domain}', '{guestDevice}', '{{literal}}'];
    expect(checkManifest(policy({ guestUnbind: { command } }))).toMatchObject({
      object: {
        spec: {
          maxDetachesPerPass: 2,
          forceDetach: false,
          guestUnbind: { command, timeoutSeconds: 30, onFailure: 'Refuse' },
        },
      },
    });
    const all = {
      guestUnbind: { command, input: '{uuid}', timeoutSeconds: 5, onFailure: 'Proceed' },
      maxDetachesPerPass: 0,
    };
    const checked = checkManifest(policy({ ...all, forceDetach: true }));
    expect(checked).toMatchObject({ object: { spec: { ...all, forceDetach: true } } });
  });

  it('knows what Qubes does', () => {
    expect(checkManifest(policy({ guestUnbind: { preset: 'qubes', timeoutSeconds: 60 } }))).toMatchObject({
      object: {
        spec: {
          guestUnbind: {
            command: ['/usr/lib/qubes/qrexec-client', '-d', '{domain}', 'root:QUBESRPC qubes.DetachPciDevice dom0'],
            input: '{guestSlot}\n',
            timeoutSeconds: 60,
          },
        },
      },
    });
  });

  it('is refused with a command that could not be run as it is meant', () => {
    const wrong: object[] = [
      { guestUnbind: {} },
      { guestUnbind: { preset: 'cubes' } },
      { guestUnbind: { preset: 'qubes', command: ['/bin/true'], input: 'x' } },
      { guestUnbind: { command: [] } },
      { guestUnbind: { command: ['let-go'] } },
      { guestUnbind: { command: ['/opt/{domain}'] } },
      { guestUnbind: { command: ['/bin/x', '{guestdevice}', 'a{nonsense}b', '$HOME{}', '{}'] } },
      { guestUnbind: { command: ['/bin/x'], input: '{slot}' } },
      { guestUnbind: { command: ['/bin/x'], timeoutSeconds: 91 } },
      { guestUnbind: { command: ['/bin/x'], timeoutSeconds: 1.5, onFailure: 'Ignore' } },
      { guestUnbind: { command: 'echo' } },
      { maxDetachesPerPass: -1, forceDetach: 'yes' },
    ];
    expect(wrong.flatMap(spec => complaints(policy(spec)))).toMatchInlineSnapshot(`
      [
        "MissingField spec.guestUnbind: does not say what to run; give command or preset",
        "InvalidValue spec.guestUnbind.preset: must be qubes, not "cubes"",
        "InvalidValue spec.guestUnbind.command: stands beside preset, which says itself what to run; remove one of the two",
        "InvalidValue spec.guestUnbind.input: stands beside preset, which says itself what to run; remove one of the two",
        "InvalidValue spec.guestUnbind.command: is empty; give a program and its arguments",
        "InvalidValue spec.guestUnbind.command.0: "let-go" is not a program's path; it begins with "/" and has no placeholder, and no shell reads it",
        "InvalidValue spec.guestUnbind.command.0: "/opt/{domain}" is not a program's path; it begins with "/" and has no placeholder, and no shell reads it",
        "InvalidValue spec.guestUnbind.command.1: "{guestdevice}" stands for nothing; did you mean {guestDevice}?; write {{ and }} for braces",
        "InvalidValue spec.guestUnbind.command.2: "{nonsense}" stands for nothing; known: {domain}, {uuid}, {domid}, {device}, {guestDevice}, {guestSlot}; write {{ and }} for braces",
        "InvalidValue spec.guestUnbind.command.3: "{}" stands for nothing; known: {domain}, {uuid}, {domid}, {device}, {guestDevice}, {guestSlot}; write {{ and }} for braces",
        "InvalidValue spec.guestUnbind.command.4: "{}" stands for nothing; known: {domain}, {uuid}, {domid}, {device}, {guestDevice}, {guestSlot}; write {{ and }} for braces",
        "InvalidValue spec.guestUnbind.input: "{slot}" stands for nothing; known: {domain}, {uuid}, {domid}, {device}, {guestDevice}, {guestSlot}; write {{ and }} for braces",
        "InvalidValue spec.guestUnbind.timeoutSeconds: must be from 1 to 90",
        "InvalidValue spec.guestUnbind.timeoutSeconds: must be a whole number, not the number 1.5",
        "InvalidValue spec.guestUnbind.onFailure: must be one of Refuse, Proceed, not "Ignore"",
        "InvalidValue spec.guestUnbind.command: must be a list, not the string "echo"",
        "InvalidValue spec.maxDetachesPerPass: must be from 0 to 1024",
        "InvalidValue spec.forceDetach: must be true or false, not the string "yes"",
      ]
    `);
  });

  it('switches off the guards that can be, and no others', () => {
    const allow = ['Swap', 'bootDisplay', 'Protected', 'IdentityMissmatch', 'Everything', 5];
    expect(complaints(policy({ allow }))).toMatchInlineSnapshot(`
      [
        "InvalidValue spec.allow.1: "bootDisplay" is not a guard; did you mean BootDisplay?",
        "InvalidValue spec.allow.2: Protected cannot be switched off: take the device out of protectedDevices",
        "InvalidValue spec.allow.3: "IdentityMissmatch" is not a guard; did you mean IdentityMismatch?",
        "InvalidValue spec.allow.4: "Everything" is not a guard; write one of MountedFilesystem, Swap, StorageMember, NetworkAddress, DefaultRoute, NetworkBridge, BootDisplay, Console, UseUnknown, SharedSlot, NoReset",
        "InvalidValue spec.allow.5: must be a string: unquoted 5 is a number in YAML; write "5"",
      ]
    `);
  });

  it('protects one device by each entry', () => {
    const protectedDevices = [{}, { address: '00:1f.2', path: '00_1c.0' }, { address: 'x' }, { selector: {} }];
    expect(complaints(policy({ protectedDevices }))).toMatchInlineSnapshot(`
      [
        "MissingField spec.protectedDevices.0: does not say which device; give one of address, path",
        "InvalidValue spec.protectedDevices.1.path: stands beside address; give exactly one of address, path",
        "InvalidValue spec.protectedDevices.2.address: "x" is not a PCI address; write segment:bus:device.function in hex, such as 0000:03:00.0",
        "UnknownField spec.protectedDevices.3.selector: "selector" is not a field; known here: address, path",
        "MissingField spec.protectedDevices.3: does not say which device; give one of address, path",
      ]
    `);
  });
});

describe('any value', () => {
  const junk = fc.anything({ maxDepth: 4, withNullPrototype: true });

  it('is checked without an exception', () => {
    fc.assert(
      fc.property(junk, junk, fc.constantFrom('PCIAssignment', 'PCIHostPolicy'), (metadata, spec, kind) => {
        const checked = checkManifest({ apiVersion: API, kind, metadata, spec });
        expect(checked.ok || checked.issues.length > 0).toBe(true);
      }),
    );
  });

  it('in the place of a field is refused or obeyed, never ignored', () => {
    const whole = assignment({ suspend: false, updatePolicy: 'Live' }) as { spec: object };
    fc.assert(
      fc.property(fc.string(), junk, (key, value) => {
        fc.pre(!Object.hasOwn(whole.spec, key) && value !== undefined);
        fc.pre(!['whenStopped', 'deletionPolicy', 'driftPolicy', 'hosts'].includes(key));
        const spec = Object.fromEntries([...Object.entries(whole.spec), [key, value]]);
        expect(complaints({ ...whole, spec })).toEqual([expect.stringContaining('is not a field')]);
      }),
    );
  });
});

describe('an accepted object', () => {
  const hex4 = fc.stringMatching(/^[0-9a-fA-F]{4}$/);
  const identity = fc
    .record({ vendor: hex4, device: hex4, class: hex4 }, { requiredKeys: [] })
    .filter(fields => Object.keys(fields).length > 0);
  const address = fc
    .record({
      segment: fc.nat(0xffffff),
      bus: fc.nat(255),
      device: fc.nat(31),
      function: fc.nat(7),
    })
    .map(formatAddress);
  const entry = fc.oneof(
    fc.record({ address, identity }, { requiredKeys: ['address'] }),
    fc.record({ selector: identity }),
  );
  const written = fc.record({
    devices: fc.array(entry, { maxLength: 5 }).map(list => list.map((device, i) => ({ name: `d${i}`, ...device }))),
    domain: fc.oneof(
      fc.stringMatching(/^[a-z][a-zA-Z0-9 ._+-]{0,30}[a-z]$/),
      fc.uuid().map(uuid => ({ uuid })),
    ),
    whenStopped: fc.constantFrom('Assignable', 'Host'),
    suspend: fc.boolean(),
  });

  it('is accepted again as it is written out, and stays the same', () => {
    fc.assert(
      fc.property(written, spec => {
        const first = checkManifest(assignment(spec));
        if (!first.ok) throw new Error(JSON.stringify(first.issues));
        expect(checkManifest(writtenForm(first.object))).toEqual(first);
      }),
    );
  });
});

describe('the patterns of the JSON Schema', () => {
  const properties = at(jsonSchemas()['pciassignment.json'], 'properties', 'spec', 'properties', 'devices', 'items');

  it.each([
    ['address', (text: string) => parseAddress(text) !== undefined],
    ['path', (text: string) => parsePath(text) !== undefined],
  ])('take as %s what the parser takes', (field, takes) => {
    const pattern = new RegExp(String(at(properties, 'properties', field, 'pattern')), 'u');
    const near = fc.oneof(fc.stringMatching(pattern), fc.string({ unit: fc.constantFrom(...'01fg:._/') }));
    fc.assert(
      fc.property(near, text => {
        expect(pattern.test(text)).toBe(takes(text));
      }),
    );
  });
});

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (Object(inner) as Record<string, unknown>)[key], value);
}
