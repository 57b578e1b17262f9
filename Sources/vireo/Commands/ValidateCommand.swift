// vireo validate: checks a spec without a host.

import ArgumentParser
import Diagnostics
import Planner
import Report
import Spec

struct ValidateCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, github
  }

  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Checks a spec without a host.",
    usage: "vireo validate [options] <file> ...",
    discussion: """
      --libvirt-schema also checks the definitions of the spec against libvirt's own schemas, which are part of \
      libvirt's packages.

      Exit codes: 0 if the spec is valid, 1 if it is invalid or cannot be read.
      """)

  @OptionGroup var spec: SpecOptions

  @Flag(name: .customLong("libvirt-schema"), help: "Also checks against libvirt's Relax NG schemas.")
  var checksSchemas = false

  @Option(
    name: .customLong("schema-folder"),
    help: ArgumentHelp(
      "The folder of libvirt's schemas, if it is not \(DefinitionSchemas.installedFolder); implies --libvirt-schema.",
      valueName: "dir"), completion: .directory)
  var schemaFolder: String?

  @Option(help: "The format of the messages; github prints annotations for a pull request.")
  var format: Format = .text

  @OptionGroup var color: ColorOptions

  func run() throws {
    var loaded = SpecInput.load(spec.files, spec.variables)
    if checksSchemas || schemaFolder != nil, let stack = loaded.stack, !loaded.diagnostics.hasErrors {
      loaded.diagnostics += schemaProblems(of: stack)
    }
    switch format {
    case .json: try Output.result(DiagnosticFormat.render(loaded.diagnostics, as: .json))
    case .github: try Output.result(DiagnosticFormat.render(loaded.diagnostics, as: .github))
    case .text:
      var text = DiagnosticFormat.render(loaded.diagnostics, as: color.messages().style)
      if let summary = DiagnosticFormat.summary(of: loaded.diagnostics) { text += summary + "\n" }
      Output.write(text, to: .error)
      if let stack = loaded.stack, !loaded.diagnostics.hasErrors { try Output.result(valid(stack)) }
    }
    if loaded.stack == nil || loaded.diagnostics.hasErrors { throw ExitCode(1) }
  }

  /// What libvirt's schemas have against the spec.
  private func schemaProblems(of stack: StackSpec) -> [Diagnostic] {
    do {
      let schemas = DefinitionSchemas(folder: schemaFolder ?? DefinitionSchemas.installedFolder)
      try schemas.requireReadable()
      return try SchemaCheck(schemas).problems(of: stack)
    } catch let error as DiagnosticsError {
      return error.diagnostics
    } catch {
      return [
        Diagnostic(
          "no-schema", "libvirt's schemas cannot be read: \(error)",
          suggestion: "install libvirt, or name their folder with --schema-folder")
      ]
    }
  }

  /// `stack lab is valid: 1 pool, 1 image, 3 domains`
  private func valid(_ stack: StackSpec) -> String {
    func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
    var parts = [
      count(stack.pools.count, "pool"), count(stack.images.count, "image"), count(stack.domains.count, "domain"),
    ]
    if !stack.volumes.isEmpty { parts.insert(count(stack.volumes.count, "volume"), at: 2) }
    return "stack \(stack.name) is valid: \(parts.joined(separator: ", "))\n"
  }
}
