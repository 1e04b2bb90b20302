using Sleb.Onnx;
using Sleb.Onnx.Emit;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Tests.Onnx;

/// <summary>Under a memory cap a written folder is never whole in memory: its data is checked by hash.</summary>
public class ExternalDataTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsReadBackIsWhatWasWritten(bool rounded)
    {
        using var temporary = new TemporaryFolder();
        string path = temporary["data"], hash;
        using (var data = new ExternalData(path, rounded ? DataType.Bfloat16 : DataType.Float))
        {
            data.Write([1, -2.5f, 3]);
            data.Align();
            data.WriteBytes([7, 8, 9]);
            hash = data.Sha256;
        }
        DataCheck.Verify(path, hash);

        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        var error = Assert.Throws<InvalidDataException>(() => DataCheck.Verify(path, hash));
        Assert.Contains($"was written with SHA-256 {hash} and reads back as ", error.Message, StringComparison.Ordinal);
    }
}
