// Two labs in one program, in a language that labiac is not written in. Prints what became of them.
import * as pulumi from "@pulumi/pulumi";
import * as automation from "@pulumi/pulumi/automation/index.js";

class Lab extends pulumi.ComponentResource {
  constructor(name, args) {
    const outputs = { nodes: undefined, addresses: undefined, matrix: undefined };
    super("labiac:index:Lab", name, { ...outputs, ...args }, {}, true);
  }
}

const [student, backend] = process.argv.slice(2);
const described = {
  name: "second-language",
  lans: { lan1: {}, lan2: {} },
  routers: { r1: { lans: ["lan1", "lan2"] } },
  pcs: { pc1: { lan: "lan1" }, pc2: { lan: "lan2", memory_mib: 768 } },
};
const program = async () => {
  const mine = new Lab("mine", { lab: described, student: `${student}-a`, backend });
  const hidden = pulumi.secret({ ...described, name: "second-secret" });
  const other = new Lab("other", { lab: hidden, student: `${student}-b`, backend });
  return { matrix: mine.matrix, nodes: other.nodes };
};

const stack = await automation.LocalWorkspace.createOrSelectStack({
  stackName: student, projectName: "second-language", program,
});
const report = {};
for (const round of ["first", "second"]) {
  const { summary, outputs } = await stack.up({ color: "never" });
  report[round] = summary.resourceChanges;
  report.outputs = Object.fromEntries(Object.entries(outputs).map(([k, v]) => [k, v.value]));
}
const state = await stack.exportStack();
report.urns = state.deployment.resources.map((each) => each.urn.split("::").slice(2).join("::"));
report.destroyed = (await stack.destroy({ color: "never" })).summary.resourceChanges;
console.log(JSON.stringify(report));
