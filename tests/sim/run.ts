// `deno task sim [--seeds n]`: all scenarios, shipped ones and those of the
// tests, in n worlds each, 20 unless told; of shipped ones with many nodes, one
// world in ten has them all. In come words, out go the tests' own output and
// exit code. It decides nothing but how many.

const seedsDefault = "20";

const [flag, value = "", ...more] = Deno.args;
const isPlain = flag === undefined;
const isAsked = flag === "--seeds" && /^[1-9]\d{0,5}$/.test(value);
if (more.length > 0 || !isPlain && !isAsked) {
  console.error("deno task sim takes --seeds and a number from 1 to 999999");
  Deno.exit(2);
}

const command = new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--parallel", "tests/sim"],
  cwd: new URL("../..", import.meta.url).pathname,
  env: { PLN_SIM_SEEDS: isPlain ? seedsDefault : value },
});
const { code } = await command.spawn().status;
Deno.exit(code);
