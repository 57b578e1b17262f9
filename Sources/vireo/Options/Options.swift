// Options that commands share: which spec, which connection, how to report.

import ArgumentParser
import Diagnostics
import Report
import Spec

/// Which spec files, and the values of their variables.
struct SpecOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Spec files. A folder means the .yaml and .yml files in it, `-` means standard input.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String]

  @OptionGroup var variables: VariableOptions

  func validate() throws { try Self.validate(files) }

  static func validate(_ files: [String]) throws {
    guard files.filter({ $0 == "-" }).count <= 1 else {
      throw ValidationError("Standard input can be read only once; give `-` once.")
    }
  }
}

/// The values of a spec's variables.
struct VariableOptions: ParsableArguments {
  @Option(
    name: .customLong("var"), parsing: .singleValue,
    help: ArgumentHelp("Sets a variable of the spec. Can be given several times.", valueName: "name=value"),
    transform: VariableAssignment.init)
  var assignments: [VariableAssignment] = []

  @Option(
    name: .customLong("var-file"), parsing: .singleValue,
    help: ArgumentHelp(
      "Reads variables from a YAML file of names and values. Can be given several times; a later file wins.",
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
      The libvirt connection, such as qemu:///system or 'qemu:///embed?root=DIR'. The default is VIREO_CONNECT, \
      LIBVIRT_DEFAULT_URI or the spec's `connect`, in this order, then qemu:///system for root and qemu:///session for \
      other users.
      """, valueName: "uri"))
  var connect: String?
}

/// Colours.
struct ColorOptions: ParsableArguments {
  enum Choice: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
  }

  @Option(help: "Colours; auto uses them on a terminal, unless NO_COLOR is set or TERM is dumb.")
  var color: Choice = .auto
}

/// Whom a report is for.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}
