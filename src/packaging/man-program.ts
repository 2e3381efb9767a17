import type { Command, Option } from 'commander';
import { EXIT_CODES_HELP } from '../cli/exit.ts';
import { bold, italic, type ManPage, paragraph, roff, section, tagged } from './roff.ts';

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['XENPCI_ROOT', "The folder that holds dom0's file system, as --root has it."],
  ['NO_COLOR', 'No colour, whatever the value (no-color.org).'],
  ['NOTIFY_SOCKET', 'Set by systemd: xenpci run then tells it that it is ready, alive and how the assignments stand.'],
];

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/xenpci/manifests', 'The manifests: *.yaml, *.yml and *.json, searched recursively; see xenpci.yaml(5).'],
  ['/etc/libvirt/hooks/libxl.d/xenpci', 'What libvirt calls before it starts a domain.'],
  [
    '/var/lib/xenpci',
    'What is held, suspended and on trial, the last events, and the last good content of each manifest.',
  ],
  [
    '/run/xenpci',
    'The status of a running controller, locks, marks of domains that start, and which cards guests were given.',
  ],
  ['/usr/share/xenpci', 'Samples and the JSON Schema of manifests.'],
];

/** xenpci(1): every command with its options as the program itself has them, in a small frame written by hand. */
export function programPage(program: Command, version: string): ManPage {
  const text = [
    section('NAME'),
    'xenpci \\- keeps PCI devices of a Xen dom0 where YAML files say they belong\n',
    section('SYNOPSIS'),
    `${bold('xenpci')} [${italic('options')}] ${italic('command')} [${italic('argument')}...]\n`,
    section('DESCRIPTION'),
    paragraph(
      'It compares the manifests with what xenstore, libvirt and sysfs show, binds devices to pciback, attaches them to',
      'running guests and detaches them, prepares guests that are shut off, and corrects what others change. When it is',
      'not sure, it touches nothing and says why. Each command has examples in its --help.',
    ),
    section('OPTIONS'),
    ...optionsOf(program),
    section('COMMANDS'),
    ...commandsBelow(program, []),
    section('EXIT STATUS'),
    ...exitCodes().map(([code, meaning]) => tagged(bold(code), roff(meaning))),
    section('ENVIRONMENT'),
    ...ENVIRONMENT.map(([name, meaning]) => tagged(bold(roff(name)), roff(meaning))),
    section('FILES'),
    ...FILES.map(([name, meaning]) => tagged(italic(roff(name)), roff(meaning))),
    section('SEE ALSO'),
    '.BR xenpci.yaml (5),\n.BR xl (1),\n.BR virsh (1),\n.BR systemctl (1)\n',
  ];
  return { name: 'xenpci', section: 1, text: `.TH XENPCI 1 "" "xenpci ${version}"\n${text.join('')}` };
}

/** The table at the end of the program's help: each code, and what it says. */
function exitCodes(): [code: string, meaning: string][] {
  const rows = EXIT_CODES_HELP.split(/\n {2}(?=\d)/).slice(1);
  return rows.map(row => {
    const [code = '', ...words] = row.split(/\s+/);
    return [code, words.join(' ')];
  });
}

function commandsBelow(command: Command, path: readonly string[]): string[] {
  const below = command.createHelp().visibleCommands(command);
  return below.flatMap(each => {
    const here = [...path, each.name()];
    if (each.commands.length > 0) return commandsBelow(each, here);
    return [`.SS ${roff([...here, ...each.registeredArguments.map(argumentText)].join(' '))}\n`, ...commandText(each)];
  });
}

function argumentText(argument: Command['registeredArguments'][number]): string {
  const text = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${text}>` : `[${text}]`;
}

function commandText(command: Command): string[] {
  const described = command.registeredArguments.filter(({ description }) => description !== '');
  const meaning = ({ description, argChoices }: Command['registeredArguments'][number]): string =>
    argChoices === undefined ? description : `${description} (${argChoices.join(', ')})`;
  return [
    paragraph(`${command.description()}.`),
    ...described.map(argument => tagged(italic(roff(argument.name())), roff(meaning(argument)))),
    ...optionsOf(command),
  ];
}

function optionsOf(command: Command): string[] {
  const options = command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help');
  return options.map(option => tagged(bold(roff(option.flags)), roff(meaningOf(option))));
}

function meaningOf({ description, argChoices, defaultValue }: Option): string {
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(isNothing(defaultValue) ? [] : [`default: ${String(defaultValue)}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === false || (Array.isArray(value) && value.length === 0);
}
