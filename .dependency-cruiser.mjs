/** Which file may import what. A file that decides is pure: named here, one line for each folder. */
const PURE_FILES = [
  'plugin/controller/plan/.+',
  'plugin/controller/(admit|standing|may-ask)',
  'plugin/controller/execute/(follow|outcome|cadence|chosen)',
  'plugin/cli/(scene|cases|ordinary)',
  'plugin/bandwidth/(reserve|choice)',
  'plugin/tracker/(classify|clock|cluster|dirty)',
  'plugin/policy/(schema|schema/.+|warnings|warnings/.+|coverage|week|match|table|units|glob|window|starting|deadline|specificity|uplinks|trace|oddities|suggest|advice|whereabouts)',
  'plugin/proxy/(intercept|headers|json|microversion|path|errors|touched|http/.+)',
  'plugin/proxy/overlay/(answers|document|handler|identity|links|list|overlay|proof|request|select|target|views|servers/.+)',
  'plugin/nova/phase',
  'plugin/placement/(room-of|pace)',
  'plugin/notifications/(envelope|meaning|trust|backoff|advice)',
  'plugin/replica/resume',
  'plugin/check/judge/.+',
  'plugin/errors',
  'plugin/api/(roles|attempts|exposition|distribution|figures|metrics|hosts|feed)',
  'plugin/trace/spans',
  'plugin/model/.+',
  'plugin/schedule/.+',
  'bot/(errors|(command|targets|rights|views)/.+)',
  'hostd/(errors|address)',
  'hostd/check/(finding|table|procfs|judge/.+)',
  'hostd/api/(roles|exposition|metrics|tally)',
  'hostd/shape/(frame|htb|bpf|classify|way|ipv4|ipv6|peer|acks|wayback|wire|combine|guest|rates|fence|kernel|foreign|plan)',
  'hostd/measure/(rates|dirty|domain|job|events|migrations|netfilter|history)',
  'bot/asks/(ask|click|next|lines|vms)',
  'bot/(channel/(pace|refused|shorten)|drover/sse)',
  'hostd/measure/count/(netlink|nftcodec|linkcodec|uplinks|addresscodec|detect|iptrules)',
];
const PURE = `^(${PURE_FILES.join('|')})\\.ts$`;

// biome-ignore lint/style/noDefaultExport: dependency-cruiser reads the default export
export default {
  forbidden: [
    {
      name: 'pure-no-node',
      comment: 'A file that decides imports no I/O: it takes clock and samples as arguments.',
      severity: 'error',
      from: {
        path: PURE,
      },
      to: {
        dependencyTypes: ['core'],
      },
    },
    {
      name: 'pure-no-io-library',
      comment: 'A file that decides imports no library that does I/O; a type-only import is erased and does nothing.',
      severity: 'error',
      from: {
        path: PURE,
      },
      to: {
        path: '(^|/)node_modules/(axios|undici|pino|koffi|kysely|better-sqlite3|mysql2|node-schedule|commander|amqplib|openstack-client-ts)(/|$)|^plugin/openstack-client-ts/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'pure-imports-pure',
      comment:
        "Of the project's own files a pure one imports only pure ones and the contracts; a type-only import is erased and does nothing.",
      severity: 'error',
      from: {
        path: PURE,
      },
      to: {
        path: '^(hostd|plugin|bot)/',
        pathNot: [PURE, '^(hostd|plugin)/contract\\.ts$', '^plugin/contract/', '^plugin/openstack-client-ts/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'check-not-plan',
      comment: 'The verifier of plans is other code than the planner.',
      severity: 'error',
      from: {
        path: '^plugin/controller/plan/(check|check/.+)\\.ts$',
      },
      to: {
        path: '^plugin/controller/plan/(plan|occupancy|decide|destination|room|admission|adjust|lookahead|livelinks|duration)\\.ts$',
      },
    },
    {
      name: 'verify-not-solve',
      comment: 'A schedule is verified by other code than made it.',
      severity: 'error',
      from: {
        path: '^plugin/schedule/(live/)?verify\\.ts$',
      },
      to: {
        path: '^plugin/schedule/',
        pathNot: '^plugin/schedule/(instance|live/world)\\.ts$',
      },
    },
    {
      name: 'hostd-alone',
      comment: 'hostd imports nothing of plugin and bot: a compute host installs only what hostd needs.',
      severity: 'error',
      from: {
        path: '^hostd/',
      },
      to: {
        path: '^(plugin|bot)/|(^|/)node_modules/(drover-plugin|drover-bot|openstack-client-ts)(/|$)',
      },
    },
    {
      name: 'plugin-to-hostd-contract',
      comment:
        'plugin knows of hostd its contract only, and the formats that both print: findings of a check, metrics.',
      severity: 'error',
      from: {
        path: '^plugin/',
      },
      to: {
        path: '^hostd/',
        pathNot: '^hostd/(contract|check/(finding|table)|api/exposition)\\.ts$',
      },
    },
    {
      name: 'plugin-not-bot',
      comment: 'Imports point one way: bot to plugin to hostd.',
      severity: 'error',
      from: {
        path: '^plugin/',
      },
      to: {
        path: '^bot/',
      },
    },
    {
      name: 'client-package-alone',
      comment: 'openstack-client-ts is a package of its own and knows nothing of Drover.',
      severity: 'error',
      from: {
        path: '^plugin/openstack-client-ts/',
      },
      to: {
        path: '^(hostd|bot|plugin)/',
        pathNot: '^plugin/openstack-client-ts/',
      },
    },
    {
      name: 'bot-to-plugin-contract',
      comment:
        'bot knows of plugin its contract only, and what all services are made of: their running, globs, findings of a check.',
      severity: 'error',
      from: {
        path: '^bot/',
      },
      to: {
        path: '^(plugin|hostd)/',
        pathNot: '^(plugin/(contract|service|policy/glob)|hostd/check/(finding|table))\\.ts$',
      },
    },
    {
      name: 'contract-by-package-name',
      comment:
        'A contract is imported as drover-hostd/contract or drover-plugin/contract, never by a path into another package.',
      severity: 'error',
      from: {
        path: '^(hostd|plugin|bot)/',
      },
      to: {
        path: ['^(hostd|plugin|bot)/contract\\.ts$', '^plugin/contract/'],
        pathNot: '^$1/',
        dependencyTypes: ['local'],
        dependencyTypesNot: ['npm', 'aliased', 'aliased-workspace'],
      },
    },
    {
      name: 'product-not-test',
      comment: 'What is delivered does not import tests.',
      severity: 'error',
      from: {
        path: '^(hostd|plugin|bot|policies)/',
      },
      to: {
        path: '^test/|(^|/)node_modules/(vitest|fast-check)(/|$)',
      },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle means two files that are one thing.',
      severity: 'error',
      from: {},
      to: {
        circular: true,
      },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: {
        couldNotResolve: true,
      },
    },
  ],
  options: {
    doNotFollow: {
      path: 'node_modules',
    },
    tsPreCompilationDeps: true,
    tsConfig: {
      fileName: 'tsconfig.json',
    },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
