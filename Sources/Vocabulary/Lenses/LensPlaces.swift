// Lenses on one place: an attribute, the text of an element, an element that is there or not.

import XMLTree

extension Lens {
  /// A value in one attribute, or in the text of an element, which keeps its attributes when the text goes.
  static func at(_ path: String, _ type: ValueType, _ notation: Notation? = nil) -> Lens {
    let notation = notation ?? .of(type)
    let place = XMLPath(stringLiteral: path)
    if path.split(separator: "/").last?.hasPrefix("@") ?? false {
      return Lens(places: [path]) { element in
        element.value(at: place).flatMap(notation.value)
      } write: { element, value in
        element.set(value.flatMap(notation.text), at: place)
      }
    }
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
  ///   - unit: where the unit is; the attribute `unit` of the element if not set.
  ///   - written: the unit that libvirt writes; nil for the largest that gives a whole number.
  ///   - implied: the unit where the document names none.
  ///   - granularity: what libvirt rounds the size up to, in bytes.
  static func size(
    _ path: String, unit: String? = nil, written: String? = "KiB", implied: String = "KiB", granularity: UInt64 = 1
  ) -> Lens {
    let number = Lens.at(path, .text(.any))
    let unitPath = XMLPath(stringLiteral: unit ?? path + "/@unit")
    let units = written.map { [$0] } ?? ["GiB", "MiB", "KiB"]
    return Lens(places: [path]) { element in
      guard let text = number.get(element)?.string, let count = UInt64(text),
        let factor = ByteCount.libvirtUnit(element.value(at: unitPath) ?? implied)
      else { return nil }
      let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
      let (rounded, isTooMuch) = bytes.addingReportingOverflow(granularity - 1)
      return overflow || isTooMuch ? nil : .bytes(rounded / granularity * granularity)
    } write: { element, value in
      guard let bytes = value?.bytes else {
        element.set(nil, at: unitPath)
        return number.put(nil, into: &element)
      }
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

  /// An element that is there or not, such as `readonly`.
  static func presence(_ path: XMLPath) -> Lens {
    Lens(places: [path.description]) { element in
      .boolean(element.exists(at: path))
    } write: { element, value in
      switch (value?.boolean ?? false, element.exists(at: path)) {
      case (true, false): element.set("", at: path)
      case (false, true): element.remove(at: path)
      default: break
      }
    }
  }

  /// The same place; a write of nothing also drops elements of that name that are left with no more than attributes.
  func dropping(_ name: String) -> Lens {
    afterwards { element, value, _ in
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
