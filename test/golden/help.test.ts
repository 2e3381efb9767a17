import { describe, expect, test } from 'vitest';
import { run } from '../unit/cli/captured-shell.ts';

const COMMANDS = [
  [],
  ['run'],
  ['reconcile'],
  ['plan'],
  ['apply'],
  ['suspend'],
  ['resume'],
  ['try'],
  ['validate'],
  ['get'],
  ['get', 'devices'],
  ['get', 'assignments'],
  ['describe'],
  ['describe', 'device'],
  ['describe', 'assignment'],
  ['explain'],
  ['events'],
  ['wait'],
  ['hook'],
  ['export'],
  ['report'],
  ['ui'],
  ['boot-hide'],
  ['doctor'],
  ['completion'],
  ['version'],
];

describe('help', () => {
  test.each(COMMANDS)('%s %s has examples, fits 80 columns and ends with 0', async (...args) => {
    const { code, out, err } = await run([...args, '--help']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('\nExamples:\n  # ');
    for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test('of the program', async () => {
    expect((await run(['--help'])).out).toMatchInlineSnapshot(`
      "Usage: xenpci [options] [command]

      Keeps PCI devices of a Xen dom0 where YAML files say they belong

      Options:
        -V, --version       output the version number
        --root <dir>        folder that holds dom0's file system; a simulated dom0 has
                            its own (env: XENPCI_ROOT; default: /)
        --manifests <dir>   folder of manifests (default: etc/xenpci/manifests under
                            the root)
        -h, --help          display help for command

      Commands:
        run                 Keep devices where the manifests say, until told to stop
        reconcile           Bring everything into place now, and say how it stands
        plan                Show what would be done and why, and change nothing
        apply <file>        Check a manifest with all others, and put it into their
                            folder
        try [file]          Put a manifest in force for a time, and go back unless you
                            keep it
        approve             Approve the detaches that wait for approval
        suspend <name>      Leave one assignment alone until it is resumed
        resume [name]       Give back what was suspended
        validate <path...>  Check manifests and show every problem with file, line,
                            column and caret
        get                 List devices or assignments
        describe            Explain one device or one assignment: why it is as it is,
                            and what is next
        explain <what>      Explain a field of the manifests, or a reason or error
                            code
        events              Show what has changed or been tried, and who asked for it
        wait <name...>      Wait until assignments are as they should be
        hook <call...>      Prepare or refuse the start of a domain; libvirt calls it
        export              Write manifests from what is attached now
        report [file]       Write all there is to see of this host as one page, to
                            attach to a ticket
        ui                  Serve a page of this host to your browser, until told to
                            stop
        boot-hide           Show what hides the assigned devices from dom0 at boot
        doctor              Check whether this host is fit for xenpci, and say what
                            mends it
        completion <shell>  Print what makes a shell complete commands, options and
                            names
        version             Show the version

      Examples:
        # See it work on a simulated dom0, without Xen
        xenpci run --host simulated

        # Check manifests, see what they would do, do it
        xenpci validate /etc/xenpci/manifests
        xenpci plan
        xenpci reconcile --once

        # Why is this card not where I want it?
        xenpci describe device 0000:03:00.0

      Exit codes:
        0    done; plan: nothing to do; reconcile: all Ready; validate: all valid
        1    plan: something to do; reconcile: something is not Ready or not valid;
             validate: something is not valid; approve: not approved;
             resume: suspended by its manifest;
             doctor: something has failed; wait: not in time;
             apply: not valid, or not Ready in time; try: went back, or refused
        2    error: wrong usage, the host could not be looked at, another controller
             runs; plan: a manifest is not valid, so the plan is not the whole
        130  ended at once by a second signal
      "
    `);
  });

  test('of run', async () => {
    expect((await run(['run', '--help'])).out).toMatchInlineSnapshot(`
      "Usage: xenpci run [options]

      Keep devices where the manifests say, until told to stop

      Options:
        --host <kind>          the dom0: this one, a simulated one, or this one where
                               there is Xen (choices: "real", "simulated", "auto",
                               default: "real")
        --resync <seconds>     look at least this often, whatever is heard of
                               (default: 30)
        --log <format>         lines for people or for programs (default: text on a
                               terminal) (choices: "text", "json")
        --allow-empty          take a missing or empty folder of manifests as: nothing
                               is desired
        --metrics-port <port>  serve metrics at 127.0.0.1, too, for Prometheus
        --metrics-file <path>  write metrics to a file, too, for node_exporter's
                               textfile collector
        -h, --help             display help for command

      Global Options:
        -V, --version          output the version number
        --root <dir>           folder that holds dom0's file system; a simulated dom0
                               has its own (env: XENPCI_ROOT; default: /)
        --manifests <dir>      folder of manifests (default: etc/xenpci/manifests
                               under the root)

      Examples:
        # On a Xen dom0, as root
        xenpci run

        # On a simulated dom0, with the samples: nothing of this machine is touched
        xenpci run --host simulated

        # With other manifests, looking at least once a minute
        xenpci run --manifests ./manifests --resync 60
      "
    `);
  });

  test('of reconcile', async () => {
    expect((await run(['reconcile', '--help'])).out).toMatchInlineSnapshot(`
      "Usage: xenpci reconcile [options]

      Bring everything into place now, and say how it stands

      Options:
        --once               be the controller until nothing is left to do; none may
                             run
        --timeout <seconds>  give up after this time (default: 300)
        --allow-empty        with --once: take a missing or empty folder of manifests
                             as: nothing is desired
        -h, --help           display help for command

      Global Options:
        -V, --version        output the version number
        --root <dir>         folder that holds dom0's file system; a simulated dom0
                             has its own (env: XENPCI_ROOT; default: /)
        --manifests <dir>    folder of manifests (default: etc/xenpci/manifests under
                             the root)

      Examples:
        # Let the running controller look now, and wait until it is done
        xenpci reconcile

        # Without one: once, showing each step
        xenpci reconcile --once

        # With at most a minute
        xenpci reconcile --once --timeout 60

      What has failed is tried again at once. Guards, approvals and other waits stay
      as they are.
      Exit codes: 0 all Ready, 1 something waits, fails or is not valid, 2 error.
      "
    `);
  });

  test('of plan', async () => {
    expect((await run(['plan', '--help'])).out).toMatchInlineSnapshot(`
      "Usage: xenpci plan [options]

      Show what would be done and why, and change nothing

      Options:
        -h, --help         display help for command

      Global Options:
        -V, --version      output the version number
        --root <dir>       folder that holds dom0's file system; a simulated dom0 has
                           its own (env: XENPCI_ROOT; default: /)
        --manifests <dir>  folder of manifests (default: etc/xenpci/manifests under
                           the root)

      Examples:
        # What would the controller do now?
        xenpci plan

        # What would a changed copy of the manifests do?
        xenpci plan --manifests ./manifests

        # In a script
        xenpci plan >/dev/null || echo "not in place: exit code $?"

      Exit codes: 0 nothing to do, 1 something to do, 2 error, or not all valid.
      "
    `);
  });

  test('of get devices', async () => {
    expect((await run(['get', 'devices', '--help'])).out).toMatchInlineSnapshot(`
      "Usage: xenpci get devices|device [options] [address...]

      List PCI functions: place, driver, assignment

      Arguments:
        address                which ones, such as 0000:03:00.0; all when none is
                               given

      Options:
        -o, --output <format>  form of the output (choices: "table", "wide", "json",
                               "yaml", "name", default: "table")
        --direct               look at the host itself, and not through the running
                               controller
        -h, --help             display help for command

      Global Options:
        -V, --version          output the version number
        --root <dir>           folder that holds dom0's file system; a simulated dom0
                               has its own (env: XENPCI_ROOT; default: /)
        --manifests <dir>      folder of manifests (default: etc/xenpci/manifests
                               under the root)

      Examples:
        # All functions of the host, with their names
        xenpci get devices -o wide

        # One function as an object of kind PCIDevice
        xenpci get devices 0000:03:00.0 -o yaml
      "
    `);
  });
});
