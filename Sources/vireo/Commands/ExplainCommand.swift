// vireo explain: what a key of the spec language means.

import ArgumentParser
import Diagnostics
import Report

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Explains a key of the spec language.",
    discussion: "Without a key, lists all objects and fields.")

  @Argument(help: ArgumentHelp("A key, such as memory, disks or disks.size.", valueName: "key"))
  var key: String?

  @OptionGroup var color: ColorOptions

  func run() throws {
    do {
      try Output.result(SpecLanguage.explanation(of: key, Output.output.style(color.color)))
    } catch let error as Diagnostic {
      throw color.messages().fail([error])
    }
  }
}
