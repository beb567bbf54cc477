"""Export an Abaqus output database to XDMF with a binary file beside it, which romtool and ParaView read.

Run it with Abaqus' own Python, 2.7 or 3 (nothing else can open an .odb):

    abaqus python abaqus_odb.py job.odb            writes job.xdmf and job.bin

Solid elements (C3D...) of all instances, node and element sets, U and NT11 of every frame of the steps in time. Nodes
and elements are numbered through the instances, by label within each, as romtool numbers the deck.
"""

from __future__ import print_function

import os
import sys

import numpy as np

CELLS = {4: 6, 5: 7, 6: 8, 8: 9, 10: 0x26, 13: 0x27, 15: 0x28, 20: 0x30}  # number of nodes -> XDMF's cell type
FIELDS = (("U", "u", 3), ("NT11", "T", 1))  # Abaqus' name, romtool's name, components
KINDS = {"f": "Float", "i": "Int"}


class Writer(object):
    """Appends arrays to the binary file and returns their data items."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        self.file = open(path, "wb")

    def item(self, array):
        array = np.ascontiguousarray(array)
        text = '<DataItem Format="Binary" Endian="%s" NumberType="%s" Precision="%d" Dimensions="%s" Seek="%d">%s</DataItem>'
        kind = "Char" if array.dtype.itemsize == 1 else KINDS[array.dtype.kind]
        shape = " ".join(str(n) for n in array.shape)
        text %= (sys.byteorder.capitalize(), kind, array.dtype.itemsize, shape, self.file.tell(), self.name)
        self.file.write(array.tobytes())
        return text


def attribute(name, center, item):
    name = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return '<Attribute Name="%s" Center="%s">%s</Attribute>' % (name, center, item)


class Numbers(object):
    """Numbers of the nodes and elements of all instances: name -> {label: place in the file}."""

    def __init__(self, instances):
        self.nodes, self.elements = {}, {}
        self.points, self.cells, self.left_out = [], [], {}
        for instance in instances:
            self._add(instance)

    def _add(self, instance):
        nodes = self.nodes[instance.name] = {}
        for node in sorted(instance.nodes, key=lambda node: node.label):
            nodes[node.label] = len(self.points)
            self.points.append(node.coordinates)
        elements = self.elements[instance.name] = {}
        for element in sorted(instance.elements, key=lambda element: element.label):
            kind = str(element.type)
            if kind.startswith("C3D") and len(element.connectivity) in CELLS:
                elements[element.label] = len(self.cells)
                self.cells.append([CELLS[len(element.connectivity)]] + [nodes[n] for n in element.connectivity])
            else:
                self.left_out[kind] = self.left_out.get(kind, 0) + 1


def members(groups, table):
    """Return the places of the nodes or elements of a set: a tuple of them, or one tuple for each instance."""
    found = []
    for group in groups:
        for member in group if isinstance(group, (tuple, list)) or not hasattr(group, "label") else (group,):
            place = table.get(member.instanceName, {}).get(member.label)
            if place is not None:
                found.append(place)
    return found


def set_items(odb, numbers, writer):
    """Return the attributes that mark the sets, of the assembly and of its instances."""
    assembly = odb.rootAssembly
    owners = [("", assembly)] + [(i.name + ".", i) for i in assembly.instances.values()]
    found = []
    for prefix, owner in owners:
        for sets, key, table, count, center in (
            (owner.nodeSets, "nodes", numbers.nodes, len(numbers.points), "Node"),
            (owner.elementSets, "elements", numbers.elements, len(numbers.cells), "Cell"),
        ):
            for name in sets.keys():
                mark = np.zeros(count, dtype=np.int8)
                mark[members(getattr(sets[name], key), table)] = 1
                if 0 < mark.sum() < count:  # all of them need no set
                    found.append(attribute(prefix + name, center, writer.item(mark)))
    return found


def values(field, numbers, width):
    """Return a nodal field of one frame, NaN where there is none."""
    out = np.empty((len(numbers.points), width))
    out[:] = np.nan
    for block in field.bulkDataBlocks:
        table = numbers.nodes.get(block.instance.name) if block.instance is not None else None
        if table is None or block.nodeLabels is None:
            continue
        data = block.dataDouble if str(block.precision).startswith("DOUBLE") else block.data
        rows = np.array([table.get(label, -1) for label in block.nodeLabels])
        data = np.asarray(data, dtype=np.float64).reshape(len(rows), -1)
        columns = min(width, data.shape[1])
        out[rows[rows >= 0]] = 0.0
        out[rows[rows >= 0], :columns] = data[rows >= 0][:, :columns]
    return out


def frames(odb):
    """Yield total time and frame, in time; the first frame of a later step repeats the last one before it."""
    last = None
    for step in odb.steps.values():
        if str(step.domain) != "TIME":
            print("step %s is not in time (%s): left out" % (step.name, step.domain))
            continue
        for frame in step.frames:
            time = float(step.totalTime) + float(frame.frameValue)
            if last is None or time > last:
                last = time
                yield time, frame


def export(odb, path):
    """Write the open database `odb` to `path` (.xdmf) and a .bin beside it; return the number of frames."""
    numbers = Numbers(odb.rootAssembly.instances.values())
    for kind in sorted(numbers.left_out):
        print("%d elements of type %s are left out" % (numbers.left_out[kind], kind))
    writer = Writer(os.path.splitext(path)[0] + ".bin")
    topology = writer.item(np.concatenate([np.zeros(0, np.int64)] + [np.array(c, np.int64) for c in numbers.cells]))
    geometry = writer.item(np.array(numbers.points, dtype=np.float64).reshape(-1, 3))
    mesh = '<Topology TopologyType="Mixed" NumberOfElements="%d">%s</Topology>' % (len(numbers.cells), topology)
    mesh += '<Geometry GeometryType="XYZ">%s</Geometry>' % geometry
    marks = "\n".join(set_items(odb, numbers, writer))
    grids = []
    for time, frame in frames(odb):
        text = '<Grid GridType="Uniform"><Time Value="%r"/>%s\n%s' % (time, mesh, marks)
        for source, name, width in FIELDS:
            if source in frame.fieldOutputs.keys():
                text += attribute(name, "Node", writer.item(values(frame.fieldOutputs[source], numbers, width)))
        grids.append(text + "</Grid>")
    writer.file.close()
    with open(path, "w") as file:
        file.write('<?xml version="1.0"?>\n<Xdmf Version="3.0"><Domain>\n')
        file.write('<Grid GridType="Collection" CollectionType="Temporal">\n%s\n</Grid>\n' % "\n".join(grids))
        file.write("</Domain></Xdmf>\n")
    return len(grids)


def main(arguments):
    if len(arguments) != 1 or not arguments[0].endswith(".odb"):
        print("usage: abaqus python abaqus_odb.py job.odb")
        return 2
    from odbAccess import openOdb

    odb = openOdb(path=arguments[0], readOnly=True)
    path = os.path.splitext(arguments[0])[0] + ".xdmf"
    print("%d frames written to %s" % (export(odb, path), path))
    odb.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
