// How values are written in libvirt's XML, by their kind.

import XMLTree

extension Notation {
  /// The notation of a kind of value: what the spec would not accept is nothing that the XML says.
  ///
  /// - Precondition: the kind is one of texts, words, paths and whole numbers; others have several notations.
  static func of(_ type: ValueType) -> Notation {
    switch type {
    case .text, .enumeration, .path:
      return Notation(value: { try? type.parse($0) }, text: \.string)
    case .integer(let range):
      return Notation(
        value: { Int($0).flatMap { range.contains($0) ? .integer($0) : nil } },
        text: { $0.integer.map(String.init) })
    default: preconditionFailure("\(type) has no notation of its own")
    }
  }
}

extension Lens {
  /// A value in one attribute, or in the text of an element, which keeps its attributes when the text goes.
  static func at(_ path: String, _ type: ValueType, _ notation: Notation? = nil) -> Lens {
    let notation = notation ?? .of(type)
    let place = XMLPath(stringLiteral: path)
    if path.split(separator: "/").last?.hasPrefix("@") ?? false { return .at(place, notation) }
    return Lens(places: path == "." ? [] : [path]) { element in
      element.value(at: place).flatMap { $0.isEmpty ? nil : notation.value($0) }
    } write: { element, value in
      if let text = value.flatMap(notation.text) { return element.set(text, at: place) }
      // What tells the element from others says nothing by itself.
      var isBare = path.hasSuffix("]")
      element.update(at: place, create: false) { item in
        item.text = ""
        isBare = isBare || item.isBare
      }
      if isBare, path != "." { element.remove(at: place) }
    }
  }

  /// A size in one place, and its unit in another.
  ///
  /// - Parameters:
  ///   - written: the unit that libvirt writes; nil for the largest that gives a whole number.
  ///   - implied: the unit where the document names none.
  static func size(_ path: String, unit: String, written: String? = "KiB", implied: String = "KiB") -> Lens {
    let number = Lens.at(path, .text(.any))
    let unitPath = XMLPath(stringLiteral: unit)
    return Lens(places: [path]) { element in
      guard let text = number.get(element)?.string, let count = UInt64(text),
        let factor = ByteCount.libvirtUnit(element.value(at: unitPath) ?? implied)
      else { return nil }
      let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
      return overflow ? nil : .bytes(bytes)
    } write: { element, value in
      guard let bytes = value?.bytes else {
        element.set(nil, at: unitPath)
        return number.put(nil, into: &element)
      }
      let units = written.map { [$0] } ?? ["GiB", "MiB", "KiB"]
      let unit = units.first { bytes.isMultiple(of: ByteCount.libvirtUnit($0) ?? 1) } ?? "B"
      let factor = ByteCount.libvirtUnit(unit) ?? 1
      element.set(String(bytes / factor), at: XMLPath(stringLiteral: path))
      element.set(unit, at: unitPath)
    }
  }

  /// An attribute without which its element would say nothing, or nothing valid: the element goes with it.
  static func attribute(_ attribute: String, of path: String, _ type: ValueType, _ notation: Notation? = nil) -> Lens {
    let notation = notation ?? .of(type)
    let owner = XMLPath(stringLiteral: path)
    let place = XMLPath(stringLiteral: path + "/@" + attribute)
    return Lens(places: [path + "/@" + attribute]) { element in
      element.value(at: place).flatMap(notation.value)
    } write: { element, value in
      guard let text = value.flatMap(notation.text) else { return element.remove(at: owner) }
      element.set(text, at: place)
    }
  }
}

extension Lens {
  /// The same place; a write of nothing also drops elements of that name that are left with no more than attributes.
  func dropping(_ name: String) -> Lens {
    Lens(places: places, read: get) { element, value in
      put(value, into: &element)
      if value == nil { element.removeAll(name) { !$0.children.contains { $0.element != nil } && $0.text.isEmpty } }
    }
  }
}

extension Field {
  /// A field in one attribute, or in the text of one element.
  convenience init(
    _ name: String, _ type: ValueType, _ summary: String, at path: String, _ notation: Notation? = nil,
    effect: EffectRule = .nextBoot, initial: Value? = nil, libvirtDefault: Value? = nil, staysWhenDropped: Bool = false,
    isComparableWhenRunning: Bool = true, reference: String
  ) {
    self.init(
      name, type, summary, lens: .at(path, type, notation), effect: effect, initial: initial,
      libvirtDefault: libvirtDefault, staysWhenDropped: staysWhenDropped,
      isComparableWhenRunning: isComparableWhenRunning, reference: reference)
  }

  /// A field whose values are found by name, in elements of one name below `parent`.
  convenience init(
    _ name: String, _ summary: String, table parent: String, _ element: String, key: XMLPath, _ rule: TextRule,
    _ shape: Shape, effect: EffectRule = .nextBoot, isComparableWhenRunning: Bool = true, reference: String
  ) {
    self.init(
      name, .table(key: rule, of: shape.type), summary, lens: .table(parent, element, key: key, rule, shape),
      effect: effect, isComparableWhenRunning: isComparableWhenRunning, reference: reference)
  }

  /// A field whose values stand in an order, in elements of one name below `parent`.
  convenience init(
    _ name: String, _ summary: String, list parent: String, _ element: String, _ shape: Shape,
    effect: EffectRule = .nextBoot, isComparableWhenRunning: Bool = true, reference: String
  ) {
    self.init(
      name, .list(of: shape.type), summary, lens: .list(parent, element, shape), effect: effect,
      isComparableWhenRunning: isComparableWhenRunning, reference: reference)
  }
}
