// A Vendure server for `make live`: `node server.cjs populate` fills an empty database, `node server.cjs` serves it.
// The rest comes from the environment: PORT, PG_SOCKET and PG_DATABASE, PLUGIN (the file of our plugin's text), and
// where that sends: HOOK_URL, HOOK_SECRET.
require("reflect-metadata")
const fs = require("node:fs")
const path = require("node:path")
const Module = require("node:module")
const typescript = require("typescript")
const vendure = require("@vendure/core")
const { populate } = require("@vendure/core/cli")

const env = process.env

function pluginOf(file) {
  // The shop's own build would do this.
  const { outputText } = typescript.transpileModule(fs.readFileSync(file, "utf8"), {
    compilerOptions: {
      module: typescript.ModuleKind.CommonJS,
      target: typescript.ScriptTarget.ES2022,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  })
  const built = new Module(path.resolve("plugin.cjs"), module)
  built.filename = path.resolve("plugin.cjs")
  built.paths = Module._nodeModulePaths(process.cwd())
  built._compile(outputText, built.filename)
  return built.exports.ConnectorWebhooksPlugin
}

const config = {
  apiOptions: { port: Number(env.PORT), hostname: "127.0.0.1", adminApiPath: "admin-api", shopApiPath: "shop-api" },
  authOptions: {
    tokenMethod: ["bearer", "cookie", "api-key"],
    superadminCredentials: { identifier: "superadmin", password: "superadmin" },
    cookieOptions: { secret: "for tests on this machine" },
    requireVerification: false,
  },
  dbConnectionOptions: {
    type: "postgres",
    host: env.PG_SOCKET,
    username: "postgres",
    database: env.PG_DATABASE,
    synchronize: true,
  },
  paymentOptions: { paymentMethodHandlers: [vendure.dummyPaymentHandler] },
  logger: new vendure.DefaultLogger({ level: vendure.LogLevel.Warn }),
  plugins: [
    vendure.DefaultJobQueuePlugin.init({ pollInterval: 100 }),
    ...(env.HOOK_URL ? [pluginOf(env.PLUGIN).init({ url: env.HOOK_URL, secret: env.HOOK_SECRET })] : []),
  ],
}

// Two tax rates, two countries, three products: enough for every kind of order.
const catalogue = {
  defaultLanguage: vendure.LanguageCode.en,
  defaultZone: "Europe",
  taxRates: [
    { name: "Standard", percentage: 20 },
    { name: "Reduced", percentage: 5 },
  ],
  shippingMethods: [{ name: "Parcel", price: 600, taxRate: 20 }],
  paymentMethods: [],
  collections: [],
  countries: [
    { name: "Germany", code: "DE", zone: "Europe" },
    { name: "United States", code: "US", zone: "Americas" },
  ],
}
const products = [
  "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets",
  "Kettle,kettle,,,,,,KETTLE,24.95,standard,100000,false,,",
  "Cup,cup,,,,,,CUP,7.77,standard,100000,false,,",
  "Tea,tea,,,,,,TEA,4.50,reduced,100000,false,,",
].join("\n")

async function main() {
  if (process.argv[2] === "populate") {
    fs.writeFileSync("products.csv", products)
    const app = await populate(() => vendure.bootstrap(config), catalogue, path.resolve("products.csv"))
    await app.close()
    process.exit(0)
  }
  const app = await vendure.bootstrap(config)
  await app.get(vendure.JobQueueService).start()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
