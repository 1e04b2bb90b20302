using Sleb.Core.Checkpoints;
using Sleb.MLNet.Memory;
using Sleb.Onnx;
using Sleb.Torch.Streaming;

namespace Sleb.Tests.Onnx;

/// <summary>Is a folder that is never loaded as a whole checked all the same?</summary>
public class PieceCheckTests
{
    public static TheoryData<string> Names => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_familys_graph_passes_piece_by_piece(string name)
    {
        using var checkpoint = ConformanceFolder.Open(name).Checkpoint();
        using var temporary = new TemporaryFolder();
        Export(checkpoint, temporary["out"], removed: [1, 3]);
        Assert.True(File.Exists(temporary["out/model.onnx"]));
    }

    [Theory]
    [InlineData("model.embed_tokens.weight", "the embedding")]
    [InlineData("model.layers.2.mlp.down_proj.weight", "block 2")]
    [InlineData("model.norm.weight", "the head")]
    [InlineData("lm_head.weight", "the head")]
    public void A_wrong_weight_is_found_in_its_piece(string tensor, string piece)
    {
        using var temporary = new TemporaryFolder();
        string other = temporary["other"];
        Copy("llama-biased", other, tensor);
        using var right = ConformanceFolder.Open("llama-biased").Checkpoint();
        using var wrong = Checkpoint.Open(other);
        var error = Assert.Throws<InvalidDataException>(() => Export(wrong, temporary["out"], removed: [1], against: right));
        Assert.Contains($"In the written model {piece} differs from the checkpoint's by", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(temporary["out"]));
    }

    private static void Export(Checkpoint checkpoint, string folder, int[] removed, Checkpoint? against = null)
    {
        using var model = new StreamedModel(against ?? checkpoint);
        OnnxExporter.Export(
            new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = folder, Pieces = new CheckpointPieces(model), MatrixBytes = 1000 },
            TestContext.Current.CancellationToken);
    }

    /// <summary>The folder with one element of one tensor changed.</summary>
    private static void Copy(string name, string folder, string tensor)
    {
        Directory.CreateDirectory(folder);
        string source = ConformanceFolder.Find(name);
        foreach (string file in Directory.GetFiles(source)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        TensorEntry entry;
        using (var checkpoint = Checkpoint.Open(folder)) entry = checkpoint.Tensors[tensor];
        using var stream = new FileStream(entry.File, FileMode.Open, FileAccess.ReadWrite);
        stream.Position = entry.Offset;
        for (long i = 0; i < entry.Bytes; i += 2) // every element, of whatever type: the embedding's check reads some rows only
        {
            stream.Position = entry.Offset + i + 1;
            int high = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(high ^ 0x80)); // the sign
        }
    }
}
