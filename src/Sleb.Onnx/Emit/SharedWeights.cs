using System.Globalization;
using System.Text.RegularExpressions;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Protos;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>The weights of a folder written before, for a graph of the same model with fewer blocks.</summary>
internal sealed partial class SharedWeights
{
    private readonly string _folder;
    private readonly IReadOnlyList<int> _theirs, _ours;
    private readonly Dictionary<string, TensorProto> _tensors;

    private SharedWeights(string folder, IReadOnlyList<int> theirs, IReadOnlyList<int> ours, Dictionary<string, TensorProto> tensors) =>
        (_folder, _theirs, _ours, _tensors) = (folder, theirs, ours, tensors);

    /// <param name="wanted">The model that is to be written.</param>
    /// <exception cref="CheckpointException">The folder was not written by this product, or from another model, or in another form.</exception>
    public static SharedWeights Open(string folder, Provenance wanted)
    {
        if (Provenance.Read(folder) is not { Artifact: "onnx" } there || !File.Exists(Path.Combine(folder, OnnxExporter.GraphFile)) || !File.Exists(Path.Combine(folder, OnnxExporter.DataFile)))
            throw new CheckpointException($"{folder} holds no weights to share: give an ONNX folder that 'sleb export' or 'sleb prune' wrote.");
        if (there.BaseFingerprint != wanted.BaseFingerprint)
            throw new CheckpointException($"{folder} was written from another checkpoint, so its weights cannot be shared; give a folder written from this one.");
        if ((there.Target, there.Precision, there.Quantization, there.PackedGateUp) != (wanted.Target, wanted.Precision, wanted.Quantization, wanted.PackedGateUp))
            throw new CheckpointException($"{folder} holds weights for {Form(there)}, but {Form(wanted)} is to be written; give a folder of the same form.");
        var graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, OnnxExporter.GraphFile))).Graph;
        return new(folder, there.Survivors, wanted.Survivors, graph.Initializer.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal));
    }

    /// <summary>The initializer of the same weight, with the place where that folder's data file holds it.</summary>
    public TensorProto Find(string name, DataType type, ReadOnlySpan<long> shape)
    {
        string theirs = Block().Replace(name, match => "layers." + Position(int.Parse(match.ValueSpan["layers.".Length..], CultureInfo.InvariantCulture)));
        if (!_tensors.TryGetValue(theirs, out var tensor) || tensor.DataType != (int)type || !tensor.Dims.SequenceEqual(shape.ToArray()))
            throw new CheckpointException($"{_folder} holds no weight {theirs} of the shape that {name} needs; it was written by another version, export it again.");
        tensor = tensor.Clone();
        tensor.Name = name;
        return tensor;
    }

    /// <summary>Gives the data file a second name and returns its SHA-256.</summary>
    public string Link(string path)
    {
        HardLink.Create(Path.Combine(_folder, OnnxExporter.DataFile), path);
        return FileHash.Sha256(path);
    }

    private int Position(int position)
    {
        int found = _theirs.ToList().IndexOf(_ours[position]);
        return found >= 0 ? found : throw new CheckpointException($"{_folder} lacks block {_ours[position]}, which stays here; share the weights of the dense model's folder.");
    }

    private static string Form(Provenance form) => $"{form.Target} in {form.Precision}{(form.Quantization is { } how ? $" ({how})" : "")}{(form.PackedGateUp ? ", gate and up packed" : "")}";

    [GeneratedRegex(@"layers\.\d+")]
    private static partial Regex Block();
}
