// Options that commands share: which spec, which connection, how to report.

import ArgumentParser
import Diagnostics
import Report
import Spec

/// Which spec files, and the values of their variables.
struct SpecOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Spec files; a folder stands for the .yaml and .yml files in it, `-` for standard input.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String]

  @OptionGroup var variables: VariableOptions

  func validate() throws { try Self.validate(files) }

  static func validate(_ files: [String]) throws {
    guard files.filter({ $0 == "-" }).count <= 1 else {
      throw ValidationError("Standard input can be read only once: give `-` one time.")
    }
  }
}

/// The values of a spec's variables.
struct VariableOptions: ParsableArguments {
  @Option(
    name: .customLong("var"), parsing: .singleValue,
    help: ArgumentHelp("Sets a variable of the spec; can be given several times.", valueName: "name=value"),
    transform: VariableAssignment.init)
  var assignments: [VariableAssignment] = []

  @Option(
    name: .customLong("var-file"), parsing: .singleValue,
    help: ArgumentHelp(
      "Reads variables from a YAML file of names and values; can be given several times, and a later one wins.",
      valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String] = []
}

/// `name=value` on the command line.
struct VariableAssignment {
  let name: String
  let value: String

  init(_ text: String) throws {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ValidationError("Write --var name=value; `\(text)` has no \(text.first == "=" ? "name" : "`=`").")
    }
    name = String(text[..<equals])
    value = String(text[text.index(after: equals)...])
  }
}

/// Which hypervisor.
struct ConnectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The libvirt connection, such as qemu:///system or 'qemu:///embed?root=DIR'. Without it VIREO_CONNECT, \
      LIBVIRT_DEFAULT_URI and the spec's `connect` decide, in this order; else root uses qemu:///system, anyone else \
      qemu:///session.
      """, valueName: "uri"))
  var connect: String?
}

/// Colours.
struct ColorOptions: ParsableArguments {
  enum Choice: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
  }

  @Option(help: "Colours: auto is for terminals, unless NO_COLOR is set or TERM is dumb.")
  var color: Choice = .auto
}

/// Whom a report is for.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}
