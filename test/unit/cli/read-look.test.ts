import { expect, test } from 'vitest';
import { VERSION } from '../../../src/cli/version.ts';
import { assignment, device, domain, entry, observed, source } from '../../world.ts';
import { lookAt, served } from '../daemon/api/served.ts';
import { run } from './captured-shell.ts';

const NIC = '0000:03:00.0';

const look = () =>
  lookAt(
    observed([device(NIC, { at: 'guest', domid: 1, domain: 'red' })], [domain('red', { domid: 1 })]),
    source([assignment('web', 'red', [entry('lan', NIC)])]),
  );

/** A folder with the socket of a controller, and no host: whoever looks for himself fails. */
async function controller(version = VERSION) {
  const { layout, pass } = await served({ version });
  pass(look());
  return { pass, xenpci: (...args: string[]) => run(args, { env: { XENPCI_ROOT: layout.root } }) };
}

test('what only reads shows what the controller saw', async () => {
  const { xenpci } = await controller();
  expect(await xenpci('get', 'devices', '-o', 'name')).toEqual({ code: 0, out: `device/${NIC}\n`, err: '' });
  expect((await xenpci('get', 'assignments', '-o', 'name')).out).toBe('assignment/web\n');
  expect((await xenpci('describe', 'device', NIC)).out).toMatch(/\nPlace: +guest red\n/);
  expect((await xenpci('describe', 'assignment', 'web')).out).toContain('guest red');
  expect((await xenpci('report')).out).toContain(NIC);
  expect((await xenpci('get', 'devices', '--manifests', '/m', '-o', 'name')).code).toBe(0);
});

test.each([[['get', 'devices', '--direct']], [['get', 'devices', '--manifests', '/other']], [['plan']], [['export']]])(
  '%j looks at the host itself',
  async args => {
    const { xenpci } = await controller();
    const { code, err } = await xenpci(...args);
    expect(code).toBe(2);
    expect(err).toMatch(/^error: cannot look at the host: /);
  },
);

test('a look that is too old, and one of another version, are named and not shown', async () => {
  const old = await controller();
  old.pass({ ...look(), now: Date.now() - 240_000 });
  old.pass();
  const note =
    "the controller's last look is 4 min old; showing the host as it is now\nerror: cannot look at the host: ";
  expect((await old.xenpci('get', 'devices')).err).toContain(note);
  const other = await controller('0.0.9');
  expect((await other.xenpci('get', 'devices')).err).toMatch(
    /^the controller is of another version of xenpci; showing the host as it is now\nerror: /,
  );
});
