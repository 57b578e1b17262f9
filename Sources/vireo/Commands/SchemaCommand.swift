// vireo schema: the spec language as a JSON Schema, and as a page.

import ArgumentParser
import Report

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Prints the JSON Schema of the spec language.",
    discussion: """
      An editor with a YAML language server completes and checks a spec that begins with

        # yaml-language-server: $schema=vireo.schema.json
      """)

  @Flag(help: "Prints the reference page in Markdown instead.")
  var reference = false

  func run() throws {
    try Output.result(reference ? SpecLanguage.reference() : SpecLanguage.schema())
  }
}
