using System.Globalization;
using Google.Protobuf;
using Sleb.Core.Artifacts;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx;

/// <summary>Whether the data file of a folder this product wrote is still the one its graph was written for.</summary>
internal static class DataCheck
{
    /// <summary>A sentence about what is wrong; null where nothing is, and for folders of others.</summary>
    public static string? Find(string folder)
    {
        if (Provenance.Read(folder) is not { Artifact: "onnx" } provenance) return null;
        string graphFile = Path.Combine(folder, OnnxExporter.GraphFile), dataFile = Path.Combine(folder, OnnxExporter.DataFile);
        if (!File.Exists(graphFile)) return null; // said by the check of genai_config.json
        if (!File.Exists(dataFile)) return $"{dataFile} is missing; export the model again.";
        ModelProto model;
        try
        {
            using var stream = File.OpenRead(graphFile);
            model = ModelProto.Parser.ParseFrom(stream);
        }
        catch (InvalidProtocolBufferException e)
        {
            return $"{graphFile} is damaged ({e.Message}); export the model again.";
        }
        long needed = model.Graph.Initializer.Where(tensor => tensor.ExternalData.Count > 0).Max(End), found = new FileInfo(dataFile).Length;
        if (found < needed) return $"{dataFile} has {found} bytes, but its graph reads up to {needed}; export the model again.";
        if (provenance.SharedDataSha256 is { } expected && FileHash.Sha256(dataFile) != expected)
            return $"{dataFile} is shared with another folder and was changed since; export the model again.";
        return null;
    }

    /// <summary>Reads a file that was just written again.</summary>
    /// <exception cref="InvalidDataException">It holds something else than was written.</exception>
    public static void Verify(string dataFile, string sha256)
    {
        if (FileHash.Sha256(dataFile) is var found && found != sha256)
            throw new InvalidDataException($"{dataFile} was written with SHA-256 {sha256} and reads back as {found}. Nothing was put in place; check the disk and call again.");
    }

    private static long End(TensorProto tensor) => tensor.ExternalData.Where(entry => entry.Key is "offset" or "length")
        .Sum(entry => long.Parse(entry.Value, CultureInfo.InvariantCulture));
}
