import { Argument, Command, Option } from 'commander';
import { describe, expect, test } from 'vitest';
import { complete } from '../../../src/cli/completion/complete.ts';

const program = new Command('xenpci')
  .helpCommand(false)
  .option('--root <dir>', 'other root')
  .version('1')
  .addCommand(
    new Command('get')
      .helpCommand(false)
      .summary('List')
      .addCommand(
        new Command('devices')
          .alias('device')
          .summary('List devices')
          .argument('[address...]')
          .addOption(new Option('-o, --output <format>', 'form').choices(['table', 'json'])),
      )
      .addCommand(new Command('assignments').argument('[name...]')),
  )
  .addCommand(new Command('validate').argument('<path...>').option('--host <name>'))
  .addCommand(new Command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh'])))
  .addCommand(new Command('one').argument('<address>').option('--domain <name...>', 'of these'))
  .addCommand(new Command('secret'), { hidden: true });

function texts(line: string): string[] {
  const { candidates, names } = complete(program, line.split(' '));
  return [...candidates.map(({ text }) => text), ...(names === undefined ? [] : [`:${names}`])];
}

describe('what may stand at the cursor', () => {
  test.each<[string, string[]]>([
    ['', ['get', 'validate', 'completion', 'one']],
    ['g', ['get']],
    ['secret', []],
    ['get ', ['devices', 'assignments']],
    ['get dev', ['devices']],
    ['get devices ', [':devices']],
    ['get device 0000:01:00.0 0', [':devices']],
    ['get assignments ', [':assignments']],
    ['get devices -o ', ['table', 'json']],
    ['get devices --output j', ['json']],
    ['get devices --output=j', ['--output=json']],
    ['get devices --output=json ', [':devices']],
    ['get devices --', ['--output', '--help', '--root', '--version']],
    ['get devices -o json --', ['--help', '--root', '--version']],
    ['--root ', [':folders']],
    ['--root get ', ['get', 'validate', 'completion', 'one']],
    ['--root get get ', ['devices', 'assignments']],
    ['validate ', [':files']],
    ['validate -- --', [':files']],
    ['validate --host ', []],
    ['completion ', ['bash', 'zsh']],
    ['completion bash ', []],
    ['one x ', []],
    ['one --domain a --dom', ['--domain']],
    ['get devices --unknown ', [':devices']],
    ['nonsense ', []],
  ])('xenpci %s', (line, expected) => {
    expect(texts(line)).toEqual(expected);
  });

  test('commands come with what they do', () => {
    expect(complete(program, ['ge']).candidates).toEqual([{ text: 'get', description: 'List' }]);
  });
});
