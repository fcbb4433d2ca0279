import ControlCommands

await Wrktalkctl.runProgram()
