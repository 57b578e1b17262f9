// How far a plan may go: options of all commands that plan.

public import ArgumentParser
import Planner
public import Vocabulary

extension Effect: ExpressibleByArgument {}

/// Limits of a plan, and whether it may take anything away.
struct LimitOptions: ParsableArguments {
  @Option(
    name: .customLong("max-effect"),
    help: ArgumentHelp(
      "The most disruptive effect that a change may have. An object with a change beyond it is refused.",
      valueName: "effect"))
  var maxEffect: Effect?

  @Flag(help: "Also deletes domains and networks of the stack that are no longer in the spec. Disks stay.")
  var prune = false

  @Option(
    name: .customLong("max-deletes"),
    help: ArgumentHelp("The maximum number of objects that --prune may delete in one run.", valueName: "number"))
  var maxDeletes = 10

  @Flag(
    name: .customLong("discard-saved-state"),
    help:
      "Discards the saved memory of stopped guests, which their next start would resume."
  )
  var discardsSavedStates = false

  var deletions: DeletionOptions {
    prune ? DeletionOptions(.leftovers, most: maxDeletes) : DeletionOptions()
  }
}
