// What the code of a module does that no snapshot of an instance can put back.
// In go the forms of all its instructions; out come three facts. It must never
// miss an instruction that changes what is neither memory nor a number.

import { type Form, form } from "./opcodes.ts";

export class SideEffects {
  changesTables = false;
  growsTables = false;
  dropsSegments = false;

  note(kind: Form): void {
    switch (kind) {
      case form.dataDrop:
      case form.elementDrop:
        this.dropsSegments = true;
        break;
      case form.tableGrow:
        this.growsTables = true;
        this.changesTables = true;
        break;
      case form.tableSet:
      case form.tableInit:
      case form.tableCopy:
      case form.tableFill:
        this.changesTables = true;
    }
  }
}
