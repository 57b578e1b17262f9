// What goes past libvirt to QEMU itself.

import XMLTree

extension Vocabulary {
  static let domainPassthrough: [Field] = [
    passthrough(
      "qemu.args", .list(of: .text(.argument.concealing(.argument))),
      """
      Arguments of QEMU's command line behind those that libvirt writes. libvirt promises nothing for them; see whether \
      there is a key of its own first.
      """, .list("qemu:commandline", "qemu:arg", .at("@value", .text(.argument.concealing(.argument))))),
    passthrough(
      "qemu.env", .table(key: .word("the name of a variable"), of: .text(.argument.concealing(.whole))),
      "Variables of QEMU's environment. Their values are not shown.",
      .table(
        "qemu:commandline", "qemu:env", key: "@name", .word("the name of a variable"),
        .at("@value", .text(.argument.concealing(.whole))))),
    passthrough(
      "qemu.add-capabilities", .list(of: .text(.word("the name of a capability"))),
      "Capabilities that libvirt is to take QEMU for having, though it found none.",
      .list("qemu:capabilities", "qemu:add", .at("@capability", .text(.word("the name of a capability"))))),
    passthrough(
      "qemu.remove-capabilities", .list(of: .text(.word("the name of a capability"))),
      "Capabilities that libvirt is not to use.",
      .list("qemu:capabilities", "qemu:del", .at("@capability", .text(.word("the name of a capability"))))),
    passthrough(
      "qemu.override", .table(key: .deviceAlias, of: propertyTable.type),
      "Properties of QEMU's devices that are set to other values than libvirt's, by the device's alias.",
      .table("qemu:override", "qemu:device", key: "@alias", .deviceAlias, propertyTable)
    ),
    passthrough(
      "qemu.deprecation", .enumeration(["none", "omit", "reject", "crash"]),
      "What QEMU does with deprecated libvirt commands, for tests.",
      .at(
        "qemu:deprecation/@behavior",
        .enumeration(
          ["none", "omit", "reject", "crash"]))),
  ]

  static let passthroughGroups = [FieldGroup("qemu", "What goes past libvirt to QEMU itself.")]

  private static let propertyTable = Shape.table(
    in: "qemu:frontend", "qemu:property", key: "@name", .word("the name of a property"),
    .record([
      Part(
        "type", .enumeration(["string", "unsigned", "signed", "bool", "remove"]), "The kind of the value.",
        at: "@type", isRequired: true),
      Part("value", .text(.argument), "The value.", at: "@value"),
    ]))

  private static func passthrough(_ name: String, _ type: ValueType, _ summary: String, _ lens: Lens) -> Field {
    Field(
      name, type, summary, lens: lens.declaringQEMU, isComparableWhenRunning: false,
      reference: "drvqemu.html#pass-through-of-arbitrary-qemu-commands")
  }
}

extension Lens {
  /// The same place in the namespace of QEMU's own elements, which the domain declares as long as it has one.
  fileprivate var declaringQEMU: Lens {
    afterwards { domain, value, _ in
      let isUsed = domain.elements.contains { $0.prefix == "qemu" }
      let isDeclared = domain.namespaceDeclarations.contains { $0.prefix == "qemu" }
      if isUsed, !isDeclared {
        domain.namespaceDeclarations.append(
          XMLNamespace(prefix: "qemu", uri: "http://libvirt.org/schemas/domain/qemu/1.0"))
      } else if !isUsed, value == nil {
        domain.namespaceDeclarations.removeAll { $0.prefix == "qemu" }
      }
    }
  }
}
