using System.Globalization;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Emit;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>The weights that lie in files beside a graph.</summary>
internal static class ExternalWeights
{
    private readonly record struct Region(string File, long Offset, long Length);

    /// <exception cref="CheckpointException">A data file is missing or shorter than the graph says.</exception>
    public static void Check(DecoderPackage package)
    {
        var sizes = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var tensor in package.Model.Graph.Initializer.Where(IsExternal))
        {
            var region = Find(tensor);
            string path = Path.Combine(package.Folder, region.File);
            if (!sizes.TryGetValue(region.File, out long size))
            {
                if (!File.Exists(path)) throw new CheckpointException($"The graph's weights should lie in {path}, which is not there; copy the whole folder again.");
                sizes[region.File] = size = new FileInfo(path).Length;
            }
            if (region.Offset > size - region.Length)
                throw new CheckpointException($"{path} is {size} bytes long, but '{Excerpt.Of(tensor.Name)}' needs bytes {region.Offset} to {region.Offset + region.Length}; copy the whole folder again.");
        }
        foreach (var attribute in package.Model.Graph.Node.SelectMany(GraphNames.Within).SelectMany(node => node.Attribute))
            if (attribute.T is { } tensor && IsExternal(tensor))
                throw new CheckpointException($"The constant '{Excerpt.Of(tensor.Name)}' lies outside the graph; only initializers may.");
    }

    /// <summary>Writes the data files anew with what <paramref name="graph"/> still has, byte for byte, and points its initializers there.</summary>
    public static void Compact(GraphProto graph, string source, string target, CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, (FileStream Source, ExternalData Target)>(StringComparer.Ordinal);
        var moved = new Dictionary<Region, long>(); // initializers may share their bytes
        try
        {
            foreach (var tensor in graph.Initializer.Where(IsExternal))
            {
                var region = Find(tensor);
                if (!files.TryGetValue(region.File, out var file))
                    files[region.File] = file = (File.OpenRead(Path.Combine(source, region.File)), new ExternalData(Path.Combine(target, region.File)));
                if (!moved.TryGetValue(region, out long offset))
                {
                    file.Target.Align();
                    moved[region] = offset = file.Target.Position;
                    file.Source.Position = region.Offset;
                    Copy(file.Source, file.Target, region.Length, cancellationToken);
                }
                SetOffset(tensor, offset);
            }
        }
        finally
        {
            foreach (var (from, to) in files.Values)
            {
                from.Dispose();
                to.Dispose();
            }
        }
    }

    private static bool IsExternal(TensorProto tensor) => tensor.DataLocation == TensorProto.Types.DataLocation.External;

    private static Region Find(TensorProto tensor)
    {
        string file = Entry(tensor, "location") ?? "";
        if (file.Length == 0 || Path.GetFileName(file) != file || file is "." or "..")
            throw new CheckpointException($"The weight '{Excerpt.Of(tensor.Name)}' lies in '{Excerpt.Of(file)}'; the name of a file beside the graph is expected.");
        long? offset = Number(Entry(tensor, "offset") ?? "0"), length = Number(Entry(tensor, "length"));
        return offset is { } first && length is { } count ? new(file, first, count)
            : throw new CheckpointException($"The weight '{Excerpt.Of(tensor.Name)}' does not say where in {file} it lies; its offset and length are expected.");
    }

    private static string? Entry(TensorProto tensor, string key) => tensor.ExternalData.FirstOrDefault(entry => entry.Key == key)?.Value;

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    private static void SetOffset(TensorProto tensor, long offset)
    {
        string value = offset.ToString(CultureInfo.InvariantCulture);
        if (tensor.ExternalData.FirstOrDefault(entry => entry.Key == "offset") is { } entry) entry.Value = value;
        else tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = value });
    }

    private static void Copy(FileStream source, ExternalData target, long length, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[Math.Min(length, 1 << 20)];
        for (long left = length; left > 0; left -= buffer.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, left));
            source.ReadExactly(part);
            target.WriteBytes(part);
        }
    }
}
