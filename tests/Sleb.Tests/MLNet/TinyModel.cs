using Sleb.Core.Checkpoints;
using Sleb.Onnx;

namespace Sleb.Tests.MLNet;

/// <summary>tiny-novels without block 5 as an ONNX folder, written once for the tests that score with it.</summary>
public sealed class TinyModel : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public TinyModel()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        OnnxExporter.Export(new ExportRequest { Checkpoint = checkpoint, RemovedBlocks = [5], OutFolder = Folder });
    }

    public string Folder => _root["tiny-minus-1"];

    public void Dispose() => _root.Dispose();
}
